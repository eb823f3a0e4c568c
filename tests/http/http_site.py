"""A raw ASGI app behind the HTTP protocol of ours, for tests that speak to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from modelport.http.protocol import HttpLimits, limited_protocol

HOST = b"Host: a\r\n"
GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
BIG = 24 << 20


class App:
    """A raw ASGI app which remembers what it was asked, and answers by path."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        self.scopes: list[Any] = []
        self.disconnects = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.started = threading.Semaphore(0)
        self.release = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.scopes.append(scope)
        await getattr(self, "on_" + scope["path"].strip("/").split("/")[0], self.on_echo)(
            scope, receive, send
        )

    async def answer(self, send: Any, body: bytes, status: int = 200, headers: Any = (), **more: Any) -> None:
        fields = [(b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": status, "headers": fields, **more})
        await send({"type": "http.response.body", "body": body})

    async def body(self, receive: Any) -> bytes | None:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects.release()
                return None
            parts.append(message["body"])
            if not message["more_body"]:
                return b"".join(parts)

    async def on_echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = await self.body(receive)
        if body is None:
            return
        self.seen.append(scope["path"])
        self.bodies.append(body)
        await self.answer(send, scope["path"].encode() + b" " + body[:100])

    async def on_unread(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, b"too large", 413)

    async def on_reason(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, b"x", 400, reason=json.loads(await self.body(receive) or b"null"))

    async def on_header(self, scope: Any, receive: Any, send: Any) -> None:
        name, value = json.loads(await self.body(receive) or b"[]")
        await self.answer(send, b"x", 200, [(name.encode("latin-1"), value.encode("latin-1"))])

    async def on_hang(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"]["modelport"].on_disconnect = self.left.release
        self.started.release()
        while not self.release.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.005)
        await self.answer(send, b"hung")

    async def on_slow(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope["path"])
        await asyncio.sleep(0.02)
        await self.answer(send, scope["path"].encode())

    async def on_big(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"]["modelport"].on_disconnect = self.left.release
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(BIG >> 20):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await send({"type": "http.response.body"})

    async def on_fail(self, scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("inner secret")

    async def on_afterwards(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, b"the server failed", 500)
        raise RuntimeError("inner secret")

    async def on_late(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        if await self.body(receive) is not None:
            await send({"type": "http.response.body", "body": b"second"})


class Site:
    """A server, its app, and raw clients."""

    def __init__(self, app: App, port: int) -> None:
        self.app, self.port = app, port

    @contextlib.contextmanager
    def client(self, receive_buffer: int = 0) -> Iterator[socket.socket]:
        with socket.socket() as sock:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(5)
            sock.connect(("127.0.0.1", self.port))
            yield sock

    def talk(self, *pieces: bytes, end: bool = False) -> bytes:
        """Everything the server says to `pieces` until it closes."""
        with self.client() as sock:
            for piece in pieces:
                sock.sendall(piece)
            if end:
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        while part := sock.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


def read_one(sock: socket.socket) -> tuple[int, bytes]:
    """One response that has a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(4096)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    match = re.search(rb"content-length: (\d+)", head)
    length = int(match[1]) if match else 0
    while len(body) < length:
        body += sock.recv(4096)
    assert len(body) == length
    return int(head.split()[1]), body


def statuses(data: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"(?:^|(?<=[}\n]))HTTP/1\.1 (\d{3}) ", data)]


def problem(data: bytes) -> dict[str, Any]:
    """The one problem answer that `data` must be."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert data.count(b"HTTP/1.1 ") == 1 + body.count(b"HTTP/1.1 "), data
    assert b"connection: close" in head, head
    assert b"content-type: application/problem+json" in head
    members = json.loads(body)
    assert sorted(members) == ["detail", "status", "title", "type"]
    assert members["status"] == int(head.split()[1])
    assert not re.search(r"llhttp|httptools|uvicorn|parser|callback|0x|/src/", members["detail"])
    return members


class StartedServer(uvicorn.Server):
    """Says when it is up, so that no test has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextlib.contextmanager
def serve(limits: HttpLimits, loop: str = "uvloop", **options: Any) -> Iterator[Site]:
    app = App()
    options = {"timeout_keep_alive": 5, "lifespan": "off", "ws": "none"} | options
    config = uvicorn.Config(
        app,
        http=limited_protocol(limits),
        loop=loop,
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        **options,
    )
    server = StartedServer(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.is_up.wait(10)
        yield Site(app, listener.getsockname()[1])
    finally:
        app.release.set()
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()
