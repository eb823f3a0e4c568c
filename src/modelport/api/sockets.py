"""A WebSocket as the request that it begins with, so that it comes in by the same door as all others.

It is a GET. Who answers it with 101 has opened it: from then on what comes of the body are messages, which
say whether they are `text`; each body that is sent is one, too, and the last one says how to `close`. So all
that lies between, such as limits, logs and counts, sees a request whose body and answer are long. Any other
answer refuses the handshake.
"""

from __future__ import annotations

from typing import Any

from modelport.http.asgi import Message, Receive, Scope, Send

SOCKET = "modelport.socket"  # in the scope of a request that may be answered with 101
SWITCHING = 101
POLICY = 1008


async def as_request(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Have `app` answer a WebSocket of ASGI as a request."""
    await receive()  # that it wants to connect
    socket = _Socket(scope, receive, send)
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = {**scope, "type": "http", "method": "GET", "scheme": scheme, SOCKET: True}
    await app(request, socket.receive, socket.send)


def message_sent(data: bytes, *, text: bool) -> Message:
    """What sends a message."""
    return {"type": "http.response.body", "body": data, "more_body": True, "text": text}


def closed(code: int, reason: str) -> Message:
    """What closes a WebSocket."""
    return {"type": "http.response.body", "body": b"", "close": (code, reason)}


class _Socket:
    """The `receive` and `send` of the request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        self._receive = receive
        self._send = send
        self._has_words = "websocket.http.response" in scope.get("extensions", {})  # to refuse it with
        self._is_open = False

    async def receive(self) -> Message:
        """The next message of the client, or that it has left."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return {"type": "http.disconnect"}
        text: str | None = message.get("text")
        body = text.encode() if text is not None else message["bytes"]
        return {"type": "http.request", "body": body, "more_body": True, "text": text is not None}

    async def send(self, message: Message) -> None:
        """Open it, send a message, or close it; or refuse it."""
        if message["type"] == "http.response.start":
            self._is_open = message["status"] == SWITCHING
            if self._is_open:
                await self._send({"type": "websocket.accept", "headers": message["headers"]})
            elif self._has_words:
                await self._send({**message, "type": "websocket.http.response.start"})
        elif not self._is_open:
            if self._has_words:
                await self._send({**message, "type": "websocket.http.response.body"})
            elif not message.get("more_body", False):
                await self._send({"type": "websocket.close", "code": POLICY})
        elif "close" in message:
            code, reason = message["close"]
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        elif message["text"]:
            await self._send({"type": "websocket.send", "text": message["body"].decode()})
        else:
            await self._send({"type": "websocket.send", "bytes": message["body"]})
