"""What a request holds that its endpoint does not read: refused, or passed over and told of.

A query option that is misspelt would leave its default in force, and a body that nobody reads was sent to
mean something. Endpoints that another system has, too, pass such things over as that one does, for its
clients send what they always sent; a `Warning` header says so. What a model takes, its worker judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Container
from contextlib import nullcontext
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.credentials import NOBODY, check, principal_of
from modelport.api.endpoints.row import Endpoint, Handler
from modelport.api.exchanges import exchange_of
from modelport.api.limiting import begin_call
from modelport.contract.nearest import meant, nearest
from modelport.contract.unknown_arguments import MAX_NAME, MAX_NAMES, MAX_WARNINGS, SUFFICIENT, warning_value
from modelport.http.asgi import Message, Receive, Scope, Send, header
from modelport.identity.principals import AccessScope
from modelport.problems import Problem

EMPTY_OBJECT = b"{}"


class Entry(NamedTuple):
    """Who may come in: who has `scope`, with the model that the path names or the one `at_root`.

    Whether something is theirs, its handler looks. `note` tells the audit what was done, if there is one.
    `models` are those that there are: what else a client names is no model, in no log and no count.
    """

    scope: AccessScope
    models: Container[str]
    at_root: str | None
    note: Callable[[str, Scope, Response], Awaitable[None]] | None


class CheckedEndpoint:
    """The ASGI application of one endpoint: the request is checked by its row, then its handler answers."""

    def __init__(self, endpoint: Endpoint, handler: Handler, entry: Entry):
        self.endpoint = endpoint
        self._entry = entry
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises `Problem`: 401 or 403 for who may not ask, 422 for a query option that there is not, 400 for a
        body.
        """
        endpoint = self.endpoint
        entry = self._entry
        model = scope["path_params"].get("model", entry.at_root)
        exchange = exchange_of(scope)
        if exchange is not None:
            known = model if model in entry.models else None
            exchange.route, exchange.model = endpoint.path, known or ""
        by = principal_of(scope)
        if not endpoint.owned or by is NOBODY:
            check(by, entry.scope, model)
        unread = [] if endpoint.calls else _unread_options(scope["query_string"], endpoint)
        if unread and not endpoint.is_lenient:
            raise Problem(422, f"{_named(endpoint)}: {'; '.join(unread)}")
        if not endpoint.takes_body and not endpoint.calls:  # `answer_get` looks itself
            has_body, receive = await look_for_body(scope, receive)
            if has_body and not endpoint.is_lenient:
                raise Problem(400, _no_body(endpoint))
            unread += [_no_body(endpoint)] if has_body else []
        headers = [("warning", _warnings(unread))] if unread else []
        with begin_call(scope) if endpoint.calls else nullcontext():
            await self._answer(scope, receive, send, headers)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[str, str]]
    ) -> None:
        endpoint, entry = self.endpoint, self._entry
        try:
            response = await self._handler(Request(scope, receive, send))
        except Problem as problem:
            problem.headers += headers
            raise
        for name, value in headers:
            response.headers[name] = value
        if endpoint.action and entry.note is not None:
            await entry.note(endpoint.action, scope, response)
        await response(scope, receive, send)


def _warnings(unread: list[str]) -> str:
    return ", ".join(warning_value(f"ignored: {words}") for words in unread[:MAX_WARNINGS])


def _unread_options(query: bytes, endpoint: Endpoint) -> list[str]:
    """Words about each option of a query string that nobody reads."""
    if not query:
        return []
    known = endpoint.query_options
    given = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    words: list[str] = []
    for name, times in given.items():
        if name not in known:
            words.append(f"there is no query option {name[:MAX_NAME]!r}{_instead(name, known)}")
        elif times > 1:
            words.append(f"the query option {name!r} is there {times} times")
    return words[:MAX_NAMES]


def _instead(name: str, known: list[str]) -> str:
    near = meant(nearest(name[:MAX_NAME], known, SUFFICIENT))
    return near or (f"; there is: {', '.join(known)}" if known else "; there are none")


def _no_body(endpoint: Endpoint) -> str:
    return f"{_named(endpoint)} takes no body; send the request without one"


def _named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path.replace(':path', '')}"


async def look_for_body(scope: Scope, receive: Receive) -> tuple[bool, Receive]:
    """Whether a body was sent that says something, and what to receive from after it was looked for.

    An empty object says nothing: many clients send it by themselves with each POST.
    """
    if not header(scope, b"transfer-encoding"):
        length = header(scope, b"content-length").lstrip("0")
        if length != str(len(EMPTY_OBJECT)):
            return bool(length), receive
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "the request's body did not arrive whole")
        body += message.get("body", b"")
        if len(body) > len(EMPTY_OBJECT):
            return True, receive
        if not message.get("more_body", False):
            return body not in (b"", EMPTY_OBJECT), _Again(message, receive).receive


class _Again:
    """Gives a message once more before those that follow."""

    def __init__(self, message: Message, receive: Receive):
        self._message: Message | None = message
        self._receive = receive

    async def receive(self) -> Message:
        message, self._message = self._message, None
        return message if message is not None else await self._receive()
