"""One request and its response: uvicorn's cycle, with a response head that cannot be split."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from modelport.http.framing import SERVER_ERROR, is_token
from modelport.reasons import PHRASES

logger = logging.getLogger("modelport.http")

MAX_REASON = 200
MAX_LOGGED_PATH = 512
MAX_KNOWN_NAMES = 512

_CONTROLS = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])


class Connection:
    """What an app may ask of the connection, under `scope["extensions"]["modelport"]`.

    `on_disconnect` is called once, from the event loop, if the client is gone before the response
    is complete. An app that sets it need not wait on `receive()` to learn that.
    """

    __slots__ = ("on_disconnect",)

    def __init__(self) -> None:
        self.on_disconnect: Callable[[], None] | None = None


class _Sent:
    """An awaitable that is already done, so that an unblocked `send()` builds no coroutine."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return cast("Generator[Any, None, None]", iter(()))


_SENT = _Sent()


def _status_line(status: int, phrase: str) -> bytes:
    return b"HTTP/1.1 %d %s\r\n" % (status, phrase.encode("latin-1", "replace"))


_STATUS_LINES = {status: _status_line(status, phrase) for status, phrase in PHRASES.items()}


def status_line(status: int, reason: object) -> bytes:
    """The status line, with the app's own `reason` where it gave one that is left after cleaning."""
    if isinstance(reason, str):
        clean = "".join(c for c in reason[:MAX_REASON] if " " <= c < "\x7f" or c >= "\xa0").strip()
        if clean:
            return _status_line(status, clean)
    return _STATUS_LINES.get(status) or _status_line(status, "")


_known_names: dict[bytes, bytes] = {}


def _learn_name(name: bytes) -> bytes:
    """Check a header name that was not seen before; remember it, within bounds."""
    if not is_token(name):
        raise ValueError("a response header name is not a token")
    if len(_known_names) < MAX_KNOWN_NAMES:
        _known_names[name] = name.lower()
    return name.lower()


class Protocol(HttpToolsProtocol):
    """What a cycle asks of its connection."""

    def linger(self) -> None:
        """Close, when the client may still be sending: closing a socket with unread data resets it, and
        the reset can overtake the response."""
        raise NotImplementedError

    def run_as_task(self, cycle: Cycle, app: Any) -> None:
        """Have `app` answer the request."""
        raise NotImplementedError


class Cycle(RequestResponseCycle):
    """uvicorn's cycle with its own `send`; `receive` is as it was, and nearly so `run_asgi`."""

    bodiless = False
    close_delimited = False

    def __init__(self, protocol: Protocol, keep_alive: bool) -> None:
        """All that uvicorn's has, without its keywords, and its event only where somebody waits for it."""
        self.scope = protocol.scope
        self.connection: Connection = cast(Any, protocol.scope)["extensions"]["modelport"]
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.access_logger = protocol.access_logger
        self.access_log = protocol.access_log
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.linger = protocol.linger
        self.run_as_task = protocol.run_as_task
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0
        self._event: asyncio.Event | None = None

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when something has come since `receive` gave the last of it, or no more will."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.body or not self.more_body or self.disconnected or self.response_complete:
                self._event.set()
        return self._event

    async def run_asgi(self, app: Any) -> None:
        """Have `app` answer, and log what it raises; without a whole answer that ends the connection."""
        await super().run_asgi(partial(self._answered_by, app))

    async def _answered_by(self, app: Any, *asgi: Any) -> Any:
        try:
            return await app(*asgi)
        except Exception:
            # Starlette answers with a 500 and raises all the same. The answer is complete, and has not said
            # that the connection ends: a client that sends its next request by it must not get a reset.
            if not self.response_complete:
                raise
            self.logger.exception("Exception in ASGI application\n")

    def wake(self) -> None:
        """Tell `receive` to look again."""
        if self._event is not None:
            self._event.set()

    def client_left(self) -> None:
        """The client is gone, or nothing it still sends will be used."""
        if not self.response_complete and not self.disconnected:
            self.disconnected = True
            callback, self.connection.on_disconnect = self.connection.on_disconnect, None
            if callback is not None:
                try:
                    callback()
                except Exception:
                    logger.exception("an on_disconnect callback failed")
        self.wake()

    def send(self, message: Any) -> Any:
        """The ASGI `send`. Blocks only while the transport holds more than its high-water mark."""
        if self.flow.write_paused and not self.disconnected:
            return self._send_later(message)
        self._send_now(message)
        return _SENT

    async def _send_later(self, message: Any) -> None:
        await self.flow.drain()
        self._send_now(message)

    def _send_now(self, message: Any) -> None:
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"expected 'http.response.start', got '{kind}'")
            self._send_head(message)
        elif self.response_complete:
            raise RuntimeError(f"got '{kind}' after the response was complete")
        elif kind != "http.response.body":
            raise RuntimeError(f"expected 'http.response.body', got '{kind}'")
        else:
            self._send_body(message.get("body", b""), message.get("more_body", False))

    def send_whole(self, head: bytes, body: bytes) -> None:
        """Write a whole response at once: `head` is its status line and its fields without the framing.

        The caller answers for the head; nothing in it is checked again.
        """
        if self.disconnected:
            return
        self.response_started = True
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n%b%b" % (head, len(body), end, body))
        self._finish()

    def _send_head(self, message: Any) -> None:
        """Write the response head, or raise before a byte of it is out, so that a 500 can follow."""
        status: int = message["status"]
        headers = [*self.default_headers, *message.get("headers", ())]
        length: int | None = None
        chunked = False
        # A response that starts before the request has ended leaves the rest of that body (or, after
        # an unanswered 100-continue, perhaps the next request) on the wire: no reuse after that.
        keep_alive = self.keep_alive and not self.more_body
        says_close = False
        lines: list[bytes] = [b""]
        for name, value in headers:
            lowered = _known_names.get(name) or _learn_name(name)
            if lowered == b"content-length":
                if length is not None or not value.isdigit():
                    raise ValueError("a response may have one Content-Length, a number")
                length = int(value)
            elif lowered == b"transfer-encoding":
                if value.lower() != b"chunked":
                    raise ValueError("a response may have no transfer coding but chunked")
                chunked = True
                continue
            elif lowered == b"connection" and b"close" in value.lower():
                says_close, keep_alive = True, False
            lines += (lowered, b": ", value, b"\r\n")
        fields = b"".join(lines)
        # Each field has one CR and one LF of ours: any control character more is the app's.
        if len(fields) - len(fields.translate(None, _CONTROLS)) != 2 * (len(lines) // 4):
            raise ValueError("a response header has a control character")
        lines[0] = status_line(status, message.get("reason"))
        self._frame(lines, status, length, chunked)
        if not keep_alive and not says_close:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self.keep_alive = keep_alive
        self.response_started = True
        self.waiting_for_100_continue = False
        if self.access_log:
            self._log_access(status)
        self.transport.write(b"".join(lines))

    def _frame(self, lines: list[bytes], status: int, length: int | None, chunked: bool) -> None:
        """Decide how the response body ends, and add the field that says so."""
        self.bodiless = self.scope["method"] == "HEAD" or status in (204, 304)
        self.chunked_encoding = False
        self.expected_content_length = 0
        if length is not None:
            if chunked:
                raise ValueError("a response may not have both Content-Length and Transfer-Encoding")
            self.expected_content_length = 0 if self.bodiless else length
        elif self.bodiless:
            pass
        elif self.scope["http_version"] == "1.0":
            self.close_delimited = True
        else:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")

    def _send_body(self, body: bytes, more_body: bool) -> None:
        if self.chunked_encoding:
            content = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self.transport.write(content if more_body else content + b"0\r\n\r\n")
        elif not self.bodiless:
            if not self.close_delimited:
                self.expected_content_length -= len(body)
                if self.expected_content_length < 0:
                    raise RuntimeError("the response body is longer than its Content-Length")
            self.transport.write(body)
        if not more_body:
            self._finish()

    def _finish(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("the response body is shorter than its Content-Length")
        self.response_complete = True
        self.connection.on_disconnect = None  # it refers to this request: no work for the garbage collector
        self.wake()
        if not self.keep_alive:
            if self.more_body:
                self.linger()
            else:
                self.transport.close()
        self.on_response()

    async def send_500_response(self) -> None:
        """The answer when the app failed before it started a response."""
        body = SERVER_ERROR.body()
        headers = [*SERVER_ERROR.fields(body), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _log_access(self, status: int) -> None:
        # The path is percent-quoted and the client is an address, so neither can hold a line break.
        self.access_logger.info(
            '%s - "%s %s HTTP/%s" %d',
            get_client_addr(cast(Any, self.scope)),
            self.scope["method"],
            get_path_with_query_string(cast(Any, self.scope))[:MAX_LOGGED_PATH],
            self.scope["http_version"],
            status,
        )
