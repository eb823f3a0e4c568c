"""One request and its answer: ASGI for an application, or `send_whole` for who needs no application.

A response head cannot be split by what an application puts into it, and what is sent fits its framing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from typing import Any, Protocol, cast

from modelport.http.addresses import Address
from modelport.http.asgi import Headers, Message, Scope
from modelport.http.client_certificate import ClientCertificate
from modelport.http.flow import Flow
from modelport.http.framing import is_token
from modelport.http.heads import Head
from modelport.http.refusals import SERVER_ERROR, STOPPING, Refusal
from modelport.problems import PHRASES
from modelport.security.log_floods import Sparingly

logger = logging.getLogger("modelport.http")
logger.addFilter(Sparingly())

MAX_REASON = 200
MAX_KNOWN_NAMES = 512

_CONTROLS = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])


class Connection:
    """What an app may ask of the connection, under `scope["extensions"]["modelport"]`.

    `on_disconnect` is called once, from the event loop, if the client is gone before the response
    is complete. An app that sets it need not wait on `receive()` to learn that.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle

    @property
    def certificate(self) -> ClientCertificate | None:
        """By which the client has shaken hands, if it has one and the server asks for it."""
        return self._cycle.line.certificate

    @property
    def on_disconnect(self) -> Callable[[], None] | None:
        return self._cycle.on_disconnect

    @on_disconnect.setter
    def on_disconnect(self, callback: Callable[[], None] | None) -> None:
        self._cycle.on_disconnect = callback

    def when_ending(self, callback: Callable[[], None]) -> None:
        """Have this called, once, if the server begins to stop while a WebSocket is open."""
        self._cycle.on_ending = callback


PROXY_USER = "modelport.proxy_user"  # in the scope: as a trusted proxy names who has logged in there


class Line(Protocol):
    """What a cycle asks of its connection."""

    transport: asyncio.Transport
    flow: Flow
    client: tuple[str, int] | None
    address: Address | None
    scheme: str
    certificate: ClientCertificate | None

    @property
    def default_headers(self) -> Headers:
        """Fields of every answer; a new list each time that they change."""
        ...

    def on_response_complete(self) -> None:
        """The answer is out; if it was the last one, the connection is closing."""
        ...

    def linger(self) -> None:
        """Close, when the client may still be sending: closing a socket with unread data resets it, and
        the reset can overtake the response."""
        ...

    def run_as_task(self, cycle: Cycle, app: Any) -> None:
        """Have `app` answer the request."""
        ...


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


class Cycle:
    """A request whose head was read, and the state of its body and its answer.

    `body` is what has come of the body and was not taken; `more_body` tells whether more will come.
    `on_disconnect` is called once if the client is gone before the answer is complete.
    """

    # Most of these stay as they are: an attribute is written where one changes.
    app: Any = None  # what is to answer
    keep_alive = True
    waiting_for_100_continue = False
    more_body = True
    disconnected = False
    response_started = False
    response_complete = False
    on_disconnect: Callable[[], None] | None = None
    on_ending: Callable[[], None] | None = None
    _bodiless = False
    _chunked = False
    _close_delimited = False
    _length_left = 0
    _event: asyncio.Event | None = None

    def __init__(self, line: Line, head: Head, body: bytes | bytearray):
        self.line = line
        self.transport = line.transport
        self.flow = line.flow
        self.head = head
        self.body = body

    @property
    def default_headers(self) -> Headers:
        """Fields of every answer; a new list each time that they change."""
        return self.line.default_headers

    @property
    def server(self) -> Address | None:
        """The address of ours that the client has connected to."""
        return self.line.address

    @property
    def client(self) -> tuple[str, int] | None:
        """Who asks: the one who has connected, or for whom a trusted proxy did; `None` for a Unix socket."""
        told = self.head.told
        return self.line.client if told is None or told.client is None else told.client

    @property
    def scope(self) -> Scope:
        """The request as ASGI has it; a new one each time: it refers to this request, which keeps none."""
        head = self.head
        told = head.told
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.http_version,
            "server": self.line.address,
            "client": self.client,
            "scheme": self.line.scheme if told is None else told.scheme or self.line.scheme,
            "method": head.method,
            "root_path": head.root_path,
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "headers": list(head.headers),
            "extensions": {"modelport": Connection(self)},
            PROXY_USER: None if told is None else told.user,
        }

    # --- the request -------------------------------------------------------------------------------

    def wake(self) -> None:
        """Tell `receive` to look again."""
        if self._event is not None:
            self._event.set()

    def client_left(self) -> None:
        """The client is gone, or nothing it still sends will be used."""
        if not self.response_complete and not self.disconnected:
            self.disconnected = True
            callback, self.on_disconnect = self.on_disconnect, None
            if callback is not None:
                try:
                    callback()
                except Exception:
                    logger.exception("an on_disconnect callback failed")
        self.wake()

    async def receive(self) -> Message:
        """The ASGI `receive`: what has come of the body, or that the client is gone or answered."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self._something_new()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _something_new(self) -> None:
        """Wait until something has come since the last time, or no more will."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.body or not self.more_body:
                return
        await self._event.wait()
        self._event.clear()

    # --- the application ---------------------------------------------------------------------------

    async def run_asgi(self, app: Any) -> None:
        """Have `app` answer, and log what it raises; without a whole answer that ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            self._give_up(STOPPING)
            raise
        except Exception:
            logger.exception("the application failed to answer %s", self.head.method)
            # Starlette answers with a 500 and raises all the same. The answer is complete, and has not said
            # that the connection ends: a client that sends its next request by it must not get a reset.
            if not self.response_complete:
                self._give_up(SERVER_ERROR)
        else:
            if not (self.response_complete or self.disconnected):
                logger.error("the application returned before its answer was complete")
                self._give_up(SERVER_ERROR)

    def _give_up(self, refusal: Refusal) -> None:
        """Answer `refusal` if no answer has begun; else cut it short, which the client can tell."""
        if self.response_started:
            self.transport.close()
            return
        body = refusal.body()
        headers = [*refusal.fields(body), (b"connection", b"close")]
        self._send_now({"type": "http.response.start", "status": refusal.status, "headers": headers})
        self._send_now({"type": "http.response.body", "body": body})

    # --- the answer --------------------------------------------------------------------------------

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
        sent = body if self.head.method != "HEAD" else b""
        self.transport.write(b"%bcontent-length: %d\r\n%b%b" % (head, len(body), end, sent))
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
        self.transport.write(b"".join(lines))

    def _frame(self, lines: list[bytes], status: int, length: int | None, chunked: bool) -> None:
        """Decide how the response body ends, and add the field that says so."""
        self._bodiless = self.head.method == "HEAD" or status in (101, 204, 304)
        self._chunked = False
        self._length_left = 0
        if length is not None:
            if chunked:
                raise ValueError("a response may not have both Content-Length and Transfer-Encoding")
            self._length_left = 0 if self._bodiless else length
        elif self._bodiless:
            pass
        elif self.head.http_version == "1.0":
            self._close_delimited = True
        else:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")

    def _send_body(self, body: bytes, more_body: bool) -> None:
        if self._chunked:
            content = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self.transport.write(content if more_body else content + b"0\r\n\r\n")
        elif not self._bodiless:
            if not self._close_delimited:
                self._length_left -= len(body)
                if self._length_left < 0:
                    raise RuntimeError("the response body is longer than its Content-Length")
            self.transport.write(body)
        if not more_body:
            self._finish()

    def _finish(self) -> None:
        if self._length_left:
            raise RuntimeError("the response body is shorter than its Content-Length")
        self.response_complete = True
        self.on_disconnect = None  # it refers to this request: no work for the garbage collector
        if self._event is not None:
            self._event.set()
        if not self.keep_alive:
            if self.more_body:
                self.line.linger()
            else:
                self.transport.close()
        self.line.on_response_complete()

    def run_as_task(self, app: Any) -> None:
        """Have `app` answer the request, instead of `send_whole`."""
        self.line.run_as_task(self, app)
