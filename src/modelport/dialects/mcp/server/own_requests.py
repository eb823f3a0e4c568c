"""Requests of a client of MCP to the API of this very server, made without a connection.

They have what says who asks: the fields of the request that they come from, its address, its certificate. So
each is let in, limited, counted and logged as if its client had sent it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from modelport.api.admission import OF_PAGES
from modelport.api.credentials import CREDENTIALS
from modelport.api.exchanges import REQUEST_ID
from modelport.api.trace_context import OF_TRACES
from modelport.http.asgi import Message, Scope
from modelport.http.cycle import PROXY_USER

MOST_BYTES = 8 << 20  # of an answer; base64 makes a third more of it
OF_CONNECTION = ("asgi", "client", "http_version", "root_path", "scheme", "server", PROXY_USER)
KEPT = OF_PAGES | CREDENTIALS | OF_TRACES | {b"host", b"cookie", b"referer", b"user-agent", REQUEST_ID}
OnLine = Callable[[bytes], Awaitable[None]]


class Asked(NamedTuple):
    """A request, with its path below the base path."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Answered(NamedTuple):
    """Its answer. It `is_whole` unless a stream has broken off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


class TooLarge(Exception):
    """The answer has more bytes than are taken."""


async def ask_own(
    app: Any, base_path: str, outer: Scope, asked: Asked, on_line: OnLine | None = None
) -> Answered:
    """Have `app` answer a request that comes of another one. `on_line` hears each line of it, as it comes.

    Raises `TooLarge`. Whoever waits no longer has given the request up.
    """
    exchange = _Exchange(asked.body, on_line)
    # In a task of its own: what the door notes of a request is in the context of its task, and a key that is
    # revoked cancels that.
    task = asyncio.create_task(app(_scope(base_path, outer, asked), exchange.receive, exchange.send))
    exchange.give_up = task.cancel
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if exchange.is_too_large and task.cancelled():
            raise TooLarge from None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return Answered(exchange.status, exchange.headers, bytes(exchange.body), exchange.is_whole)


def _scope(base_path: str, outer: Scope, asked: Asked) -> Scope:
    path = base_path + asked.path
    own = {"content-length": str(len(asked.body)), **asked.headers}
    kept = [(name, value) for name, value in outer["headers"] if name in KEPT]
    return {
        **{name: outer[name] for name in OF_CONNECTION if name in outer},
        "type": "http",
        "method": asked.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": asked.query,
        "headers": [*kept, *((name.encode(), value.encode("latin-1")) for name, value in own.items())],
        "extensions": outer.get("extensions", {}),
    }


class _Exchange:
    """The two ways of one request."""

    def __init__(self, sent: bytes, on_line: OnLine | None):
        self._sent: bytes | None = sent
        self._on_line = on_line
        self._heard = 0  # bytes of the answer whose lines were told
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.is_whole = self.is_too_large = False
        self.give_up: Callable[[], Any] = bool  # the request

    async def receive(self) -> Message:
        if self._sent is None:
            await asyncio.Event().wait()  # the client is there until this is cancelled
        sent, self._sent = self._sent, None
        return {"type": "http.request", "body": sent or b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields = message.get("headers", ())
            self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in fields}
            return
        if self.is_too_large:
            return
        self.body += message.get("body", b"")
        if len(self.body) > MOST_BYTES:
            self.is_too_large = True
            self.give_up()  # where it waits next, as if its client had left
            return
        self.is_whole = not message.get("more_body", False)
        while self._on_line is not None and (end := self.body.find(b"\n", self._heard)) >= 0:
            line, self._heard = bytes(self.body[self._heard : end]), end + 1
            await self._on_line(line)
