"""A WebSocket (RFC 6455) as ASGI has it: frames become messages, within bounds.

What can go wrong, and what answers it:

- *A message is too large*, in one frame or in a thousand. It is counted while it comes, and closed with 1009.
- *A client sends faster than it is read.* What waits is bounded, and then the connection is not read.
- *Frames are so small that one read has ten thousands of them.* So many are taken in one turn of the event
  loop, and the next ones in another: who has other connections waits for neither all, nor any client's flood.
- *A client does not read.* Who sends waits; the connection's own watch cuts it. Pings are not answered
  meanwhile, so that a flood of them makes no flood of answers.
- *A client is gone without a word.* It is pinged where nothing comes from it, and cut when it stays silent.
- *A client does not answer a close.* What it still sends is dropped, and the connection closes soon.
- *Compressed messages* unpack to a thousand times their size: no extension is agreed on.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections import deque

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import ACCEPT_GUID, LocalProtocolError

from modelport.http import refusals
from modelport.http.asgi import Headers, Message, Scope
from modelport.http.cycle import Cycle, Line
from modelport.http.flow import MOST_UNREAD
from modelport.http.heads import Head
from modelport.http.limits import HttpLimits
from modelport.http.refusals import RequestRefused

CLOSE_S = 2.0  # for the client to answer a close
MOST_DROPPED = 4 << 20  # bytes before it comes
MOST_MESSAGES = 64  # that wait to be taken, before no more is read,
MOST_TAKEN_APART = 1024  # and that are made of what was read
MOST_FRAMES = 256  # of one turn of the event loop
MOST_REASON = 123  # bytes of the reason of a close
NORMAL, PROTOCOL_ERROR, NO_CODE, GONE, TOO_BIG, INTERNAL, RESTARTS = 1000, 1002, 1005, 1006, 1009, 1011, 1012
KEY_BYTES = 16


def accept_of(headers: Headers) -> bytes:
    """What accepts a handshake. Raises `RequestRefused` for one that is not of RFC 6455."""
    if [value for name, value in headers if name == b"sec-websocket-version"] != [b"13"]:
        raise RequestRefused(refusals.OTHER_WEBSOCKET)
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    try:
        is_key = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == KEY_BYTES
    except binascii.Error:
        is_key = False
    if not is_key:
        raise RequestRefused(refusals.BAD_WEBSOCKET_KEY)
    return base64.b64encode(hashlib.sha1(keys[0] + ACCEPT_GUID, usedforsecurity=False).digest())


class WebSocketCycle(Cycle):
    """A request that asks for a WebSocket, and, once an application has accepted it, that WebSocket.

    `is_open` is true from then on. Its connection takes no other request, whatever becomes of this one.
    """

    is_open = False
    _is_connected = False  # whether the application was told of it
    _is_partial_text = False
    _closed_at: float | None = None  # when we have sent a close
    _dropped = 0  # bytes that came since
    _heard = 0.0  # when something came last,
    _pinged = False  # and whether a ping went out since

    def __init__(self, line: Line, head: Head, limits: HttpLimits, accept: bytes):
        super().__init__(line, head, b"")
        self.more_body = False
        self.keep_alive = False  # an answer that is no WebSocket is the last one here
        self._limits = limits
        self._accept_value = accept
        self._early = bytearray()  # what has come before it was accepted
        self._frames = Frames(ConnectionType.SERVER)
        self._messages: deque[tuple[bytes, bool]] = deque()  # what has come, and whether it is text
        self._waiting_bytes = 0
        self._partial = bytearray()
        self._is_behind = False  # frames that have come may not be taken apart yet
        self._frames_left = MOST_FRAMES  # of this turn of the event loop
        self._turn: asyncio.Handle | None = None  # the next one, if it is waited for
        self._close_code = GONE
        self._close_reason = ""

    @property
    def scope(self) -> Scope:
        """The request as ASGI has it; a new one each time."""
        scope = super().scope
        del scope["method"]
        scope["extensions"]["websocket.http.response"] = {}
        scheme = "wss" if scope["scheme"] in ("https", "wss") else "ws"
        return {
            **scope, "type": "websocket", "scheme": scheme, "subprotocols": []
        }  # fmt: skip

    # --- what comes --------------------------------------------------------------------------------

    def feed(self, data: bytes | memoryview) -> None:
        """Bytes have come on the connection, after the head."""
        if self.transport.is_closing():
            return
        if not self.is_open:
            self._early += data
            if self._early:
                self.flow.pause_reading()
            return
        self._pinged, self._heard = False, 0.0
        if self._closed_at is not None:
            self._dropped += len(data)
            if self._dropped > MOST_DROPPED:
                self.transport.close()
                return
        try:
            self._frames.receive_data(bytes(data))
        except LocalProtocolError:  # it sends after its close
            self.transport.close()
            return
        if not self._is_behind:
            self._take_frames()

    def _take_frames(self) -> None:
        """Take apart what has come, as far as this turn of the loop goes and there is room for messages."""
        if self.transport.is_closing():
            return
        was_behind, self._is_behind = self._is_behind, False
        for event in self._frames.events():
            self._on_event(event)
            self._frames_left -= 1
            if not self._frames_left or self._is_full():
                self._is_behind = True
                break
        if self._turn is None and self._frames_left < MOST_FRAMES:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)
        if self._is_behind or self._waiting_bytes > MOST_UNREAD or len(self._messages) > MOST_MESSAGES:
            self.flow.pause_reading()
        elif was_behind:
            self.flow.resume_reading()
        if self._messages:
            self.wake()

    def _is_full(self) -> bool:
        """Whether so many messages wait that no more may be made of what has come."""
        return self._waiting_bytes > MOST_UNREAD or len(self._messages) > MOST_TAKEN_APART

    def _next_turn(self) -> None:
        """Another turn of the event loop has begun."""
        self._turn, self._frames_left = None, MOST_FRAMES
        if self._is_behind and not self._is_full():
            self._take_frames()

    def _go_on(self) -> None:
        """Go on with what has come, in another turn; if that was all, read more."""
        if not self._is_behind:
            self.flow.resume_reading()
        elif self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, (TextMessage, BytesMessage)):
            if self._closed_at is None:
                self._on_data(event)
        elif isinstance(event, Ping):
            if self._closed_at is None and not self.flow.write_paused:
                self.transport.write(self._frames.send(event.response()))
        elif isinstance(event, CloseConnection):
            self._on_close(event)

    def _on_data(self, event: TextMessage | BytesMessage) -> None:
        is_text = isinstance(event, TextMessage)
        data = event.data.encode() if isinstance(event, TextMessage) else event.data
        if len(self._partial) + len(data) > self._limits.message_bytes:
            most = self._limits.message_bytes
            self._end(TOO_BIG, f"a message may have {most} bytes at most: send several")
            return
        self._partial += data
        if event.message_finished:
            whole, self._partial = bytes(self._partial), bytearray()
            self._waiting_bytes += len(whole)
            self._messages.append((whole, is_text))

    def _on_close(self, event: CloseConnection) -> None:
        if self._frames.state is ConnectionState.OPEN:  # no close of the client's, but frames that are none
            self._end(int(event.code), event.reason or "this is no frame of a WebSocket")
            return
        if self._closed_at is None:
            self._close_code, self._close_reason = int(event.code or NO_CODE), event.reason or ""
            self.transport.write(self._frames.send(event.response()))
            self.client_left()
        self.transport.close()

    def _end(self, code: int, reason: str) -> None:
        """Close, because of the client."""
        self._close_code, self._close_reason = code, reason
        self.client_left()  # which hears no more of what the application says
        self._send_close(code, reason)
        self.line.linger()

    async def receive(self) -> Message:
        """The ASGI `receive`."""
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        while not (self._messages or self.disconnected or self.response_complete):
            self._go_on()
            await self._something_new()
        if not self._messages or self.disconnected:
            return {"type": "websocket.disconnect", "code": self._close_code, "reason": self._close_reason}
        data, is_text = self._messages.popleft()
        self._waiting_bytes -= len(data)
        content: Message = {"text": data.decode()} if is_text else {"bytes": data}
        return {"type": "websocket.receive", **content}

    # --- what goes out -----------------------------------------------------------------------------

    def _send_now(self, message: Message) -> None:
        if self.disconnected:
            return
        kind: str = message["type"]
        if self.is_open:
            if kind == "websocket.send":
                self._send_message(message)
            elif kind == "websocket.close":
                self._send_close(message.get("code", NORMAL), message.get("reason") or "")
                self.wake()
            else:
                raise RuntimeError(f"expected 'websocket.send' or 'websocket.close', got '{kind}'")
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            super()._send_now({"type": "http.response.start", "status": 403, "headers": []})
            super()._send_now({"type": "http.response.body", "body": b""})
        else:
            super()._send_now({**message, "type": kind.removeprefix("websocket.")})

    def _accept(self, message: Message) -> None:
        own = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", self._accept_value),
        ]
        self.keep_alive = True
        head = {"status": 101, "headers": [*own, *message.get("headers", ())]}
        self._send_head(head)
        self.is_open = True
        early, self._early = bytes(self._early), bytearray()
        self.flow.resume_reading()
        if early:
            self.feed(early)

    def _send_message(self, message: Message) -> None:
        if self._closed_at is not None:
            raise RuntimeError("got 'websocket.send' after the WebSocket was closed")
        text: str | None = message.get("text")
        event = TextMessage(text) if text is not None else BytesMessage(message["bytes"])
        self.transport.write(self._frames.send(event))

    def _send_close(self, code: int, reason: str) -> None:
        if self._closed_at is not None:
            return
        self._closed_at = 0.0  # the next tick begins to count
        self._messages.clear()
        self._waiting_bytes = 0
        self._partial.clear()
        self.response_complete = True
        self.on_disconnect = self.on_ending = None
        words = reason.encode()[:MOST_REASON].decode(errors="ignore")
        self.transport.write(self._frames.send(CloseConnection(code, words)))
        self._go_on()  # until its close has come

    def on_tick(self, now: float) -> None:
        """Called by the sweep."""
        if self._closed_at is not None:
            self._closed_at = self._closed_at or now
            if now - self._closed_at > CLOSE_S:
                self.transport.close()
            return
        if not self._heard or self.flow.read_paused:  # paused: it waits for us
            self._heard = now
            return
        silent = now - self._heard
        if silent > 2 * self._limits.ping_s:
            self.transport.abort()
        elif silent > self._limits.ping_s and not self._pinged and not self.flow.write_paused:
            self._pinged = True
            self.transport.write(self._frames.send(Ping()))

    def end_soon(self) -> None:
        """The server stops."""
        told, self.on_ending = self.on_ending, None
        if told is not None:
            told()

    def _give_up(self, refusal: refusals.Refusal) -> None:
        if not self.is_open:
            super()._give_up(refusal)
        elif refusal is refusals.STOPPING:
            self._send_close(RESTARTS, refusal.detail)
        else:
            self._send_close(INTERNAL, refusal.detail)
