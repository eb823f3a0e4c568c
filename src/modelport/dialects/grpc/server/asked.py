"""A request of the application that was made of a call by gRPC. It lives in the application's event loop.

So every call by gRPC comes in by the same door as those by HTTP, and is limited, counted, logged and traced
by what does that there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from modelport.api.dialects import ASGI
from modelport.api.exchanges import CALLED
from modelport.dialects.grpc.server.statuses import Outcome
from modelport.http.asgi import Headers, Message, Scope
from modelport.http.client_certificate import ClientCertificate

log = logging.getLogger("modelport.grpc")

METHOD = "GRPC"  # of these requests: no request by HTTP can have it
SECONDS = "modelport.grpc.seconds"  # in the scope: how long the client will wait, if it has said so
FAILED = Outcome(500, [], b"the server failed; its log says more")
Read = Callable[[], Awaitable[bytes | None]]
Write = Callable[[bytes], Awaitable[None]]


class Said:
    """What of a call is known before its message: who calls what, and what is said beside."""

    def __init__(
        self,
        path: str,
        headers: Headers,
        client: tuple[str, int] | None,
        certificate: ClientCertificate | None,
        seconds: float | None,
    ):
        self.path = path
        self.headers = headers
        self.client = client
        self.certificate = certificate
        self.seconds = seconds

    def scope(self, method: str = METHOD, path: str = "", body_type: str = "application/grpc") -> Scope:
        """The scope of a request; that of another method and path is told of as this call all the same."""
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "scheme": "http",
            "method": method,
            "path": path or self.path,
            "query_string": b"",
            "root_path": "",
            "headers": [*self.headers, (b"content-type", body_type.encode())],
            "client": self.client,
            "server": None,
            CALLED: (METHOD, self.path),
            SECONDS: self.seconds,
        }


class Asked:
    """One of them. `read` gives the message if it is not there yet, `write` takes pieces of a good answer.

    The application finds it as `scope["extensions"]["modelport"]`, which HTTP's connections are there.
    """

    def __init__(
        self,
        app: ASGI,
        scope: Scope,
        certificate: ClientCertificate | None,
        message: bytes | None,
        read: Read | None = None,
        write: Write | None = None,
    ):
        self.certificate = certificate
        self.on_disconnect: Callable[[], None] | None = None
        self._app = app
        self._scope = scope
        self._message = message
        self._read = read
        self._write = write
        self._is_read = False
        self._left = asyncio.Event()
        self._status = 0
        self._headers: Headers = []
        self._body: list[bytes] = []
        scope["extensions"] = {"modelport": self}

    async def run(self) -> Outcome:
        """Have it answered. Raises nothing."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception:  # the request border: whatever went wrong here is our fault, and is logged
            log.exception("the server failed")
            return FAILED
        return Outcome(self._status, self._headers, b"".join(self._body))

    def leave(self) -> None:
        """The client waits no longer."""
        self._left.set()
        callback, self.on_disconnect = self.on_disconnect, None
        if callback is not None:
            callback()

    async def _receive(self) -> Message:
        if self._is_read or self._left.is_set():
            await self._left.wait()
            return {"type": "http.disconnect"}
        self._is_read = True
        message, self._message = self._message, None
        if message is None and self._read is not None:
            message = await self._read()
            if message is None:
                return {"type": "http.disconnect"}
        return {"type": "http.request", "body": message or b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message.get("headers", ()))
            return
        body: Any = message.get("body", b"")
        if self._left.is_set() or not body:
            return
        if self._write is not None and self._status == 200:
            await self._write(body)
        else:
            self._body.append(body)
