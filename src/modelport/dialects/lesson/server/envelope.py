"""The envelope of the Made-With-ML lesson around every JSON answer of the resources at the root.

An answer's own JSON goes into `data` byte for byte, as it comes; an error becomes the lesson's `detail`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from starlette.routing import BaseRoute, Match

from modelport.dialects.lesson.enveloped import apart, first_part
from modelport.http.asgi import Headers, Message, Receive, Scope, Send, header
from modelport.problems import standard_reason

JSON_TYPES = (b"application/json", b"application/problem+json")
# A range of an answer and a validator for it mean nothing where each answer has a time in it.
LEFT_OUT = frozenset({b"content-length", b"etag", b"last-modified", b"accept-ranges"})
PARTS = frozenset({b"range", b"if-range"})


class AtRoot:
    """Whether a request asks for a resource at the root. What own `routes` answer is none."""

    def __init__(self, base_path: str, routes: Sequence[BaseRoute] = ()):
        self._base_path = base_path
        self._routes = routes
        self._apart = apart()

    def __call__(self, scope: Scope) -> bool:
        path: str = scope["path"].rstrip("/")
        base_path = self._base_path
        if base_path and path != base_path and not path.startswith(f"{base_path}/"):
            return False
        below = path[len(base_path) :] or "/"
        if first_part(below) in self._apart:
            return False
        inner = {**scope, "path": base_path + below, "root_path": base_path}
        return not any(route.matches(inner)[0] is Match.FULL for route in self._routes)


class Envelope:
    """An ASGI application around another one."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], is_at_root: AtRoot):
        self.app = app
        self._is_at_root = is_at_root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_at_root(scope):
            whole = [field for field in scope["headers"] if field[0] not in PARTS]
            await self.app({**scope, "headers": whole}, receive, _Enveloped(scope, send).send)
        else:
            await self.app(scope, receive, send)


def enveloped_error(scope: Scope, status: int, error: bytes) -> bytes:
    """The body of an error in the lesson's shape, of one of the few that are sent again and again."""
    return b'%b,"detail":%b}' % (_head(scope, status), _known_detail(error))


class _Enveloped:
    """One response on its way out. What is no JSON passes."""

    def __init__(self, scope: Scope, send: Send):
        self._scope = scope
        self._send = send
        self._start: Message | None = None  # held back until it is known what follows
        self._end = b""
        self._error: bytearray | None = None

    async def send(self, message: Message) -> None:
        """The ASGI `send` of the application inside."""
        if message["type"] == "http.response.start":
            if _is_json(message):
                self._start = message
                self._error = bytearray() if message["status"] >= 400 else None
            else:
                await self._send(message)
        elif self._error is not None:
            await self._hold(self._error, message)
        elif self._start is not None:
            start, self._start = self._start, None
            await self._begin(start, message)
        else:
            await self._go_on(message.get("body", b""), message)

    async def _hold(self, error: bytearray, message: Message) -> None:
        """Collect an error, which is small, and send it in the lesson's shape."""
        error += message.get("body", b"")
        if message.get("more_body", False):
            return
        assert self._start is not None
        head = _head(self._scope, self._start["status"])
        body = b'%b,"detail":%b}' % (head, _detail_json(bytes(error)))
        await self._send_start(self._start, len(body))
        self._error = None
        await self._go_on(body, message)

    async def _begin(self, start: Message, first: Message) -> None:
        """Send the envelope up to its data, and what there is of that."""
        content: bytes = first.get("body", b"")
        length = _length(start)
        has_data = bool(length) if length is not None else bool(content) or first.get("more_body", False)
        prefix = _head(self._scope, start["status"]) + (b',"data":' if has_data else b"")
        self._end = b"}"
        whole = len(content) if length is None and not first.get("more_body", False) else length
        await self._send_start(start, None if whole is None else len(prefix) + whole + 1)
        await self._go_on(prefix + content, first)

    async def _go_on(self, body: bytes, message: Message) -> None:
        whole = body if message.get("more_body", False) else body + self._end
        await self._send({**message, "body": b"" if self._scope["method"] == "HEAD" else whole})

    async def _send_start(self, start: Message, length: int | None) -> None:
        headers: Headers = [
            (name, b"application/json" if name.lower() == b"content-type" else value)
            for name, value in start["headers"]
            if name.lower() not in LEFT_OUT
        ]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self._send({**start, "headers": headers})


def _head(scope: Scope, status: int) -> bytes:
    """The envelope but for its data and its closing bracket."""
    method = scope["method"]
    envelope = {
        "message": standard_reason(status),
        "method": "GET" if method == "HEAD" else method,  # whose head it is, and so its length
        "status-code": status,
        "timestamp": datetime.now().isoformat(),
        "url": url_of(scope),
    }
    return json.dumps(envelope, separators=(",", ":")).encode()[:-1]


def url_of(scope: Scope) -> str:
    """The URL of a request as its client wrote it."""
    server = scope.get("server") or ("localhost", None)
    host = header(scope, b"host") or ":".join(str(part) for part in server if part is not None)
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    target = raw.partition(b"?")[0] + (b"?" + query if query else b"")
    return f"{scope['scheme']}://{host}{target.decode('latin-1')}"


def _is_json(start: Message) -> bool:
    if start["status"] in (204, 304):
        return False
    found = (value for name, value in start["headers"] if name.lower() == b"content-type")
    return next(found, b"").partition(b";")[0].strip().lower() in JSON_TYPES


def _length(start: Message) -> int | None:
    found = (value for name, value in start["headers"] if name.lower() == b"content-length")
    length = next(found, b"")
    return int(length) if length.isdigit() else None


def _detail_json(error: bytes) -> bytes:
    detail = json.dumps(_detail(error), ensure_ascii=False, separators=(",", ":"))
    return detail.encode("utf-8", "replace")


@lru_cache(maxsize=64)
def _known_detail(error: bytes) -> bytes:
    return _detail_json(error)


def _detail(body: bytes) -> Any:
    """What an error says: the `detail` of a problem or of a dialect, or else all of it."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    return cast("dict[str, Any]", found).get("detail", found) if isinstance(found, dict) else found
