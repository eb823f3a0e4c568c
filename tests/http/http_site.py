"""A raw ASGI app behind the HTTP protocol of ours, for tests that speak to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvloop
from certificates import Authority

from modelport.http.limits import HttpLimits
from modelport.http.server import HttpServer
from modelport.http.tls_files import Certificates, TlsFiles

HOST = b"Host: a\r\n"
GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
BIG = 24 << 20
CLOSE = b"Connection: close"
TE = b"Transfer-Encoding: "
CL = b"Content-Length: "
ONE_CHUNK = b"1\r\nx\r\n0\r\n\r\n"
SECONDS = 9.0  # that clients wait: less than any deadline that nothing has set (`HttpLimits`)


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1", target: bytes = b"/post") -> bytes:
    return b"POST %b HTTP/%b\r\n%b%b\r\n%b" % (
        target,
        version,
        HOST,
        b"".join(h + b"\r\n" for h in headers),
        body,
    )


def get(target: bytes = b"/get", *headers: bytes, method: bytes = b"GET", host: bytes = HOST) -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, host, b"".join(h + b"\r\n" for h in headers))


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


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
        self.pieces = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
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

    async def on_pieces(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(BIG >> 10):
            await send({"type": "http.response.body", "body": bytes(1 << 10), "more_body": True})
            self.pieces += 1
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
    """A server, its app, and raw clients. `stop` tells the server to end; `tls` is what clients speak."""

    def __init__(
        self, app: App, port: int, stop: Callable[[], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self.app, self.port, self.stop, self.tls = app, port, stop, tls

    @contextlib.contextmanager
    def client(self, receive_buffer: int = 0) -> Iterator[socket.socket]:
        with socket.socket() as sock:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(SECONDS)
            sock.connect(("127.0.0.1", self.port))
            if self.tls is None:
                yield sock
                return
            with self.tls.wrap_socket(sock, server_hostname="localhost") as secure:
                yield secure

    def talk(self, *pieces: bytes, end: bool = False) -> bytes:
        """Everything the server says to `pieces` until it closes."""
        with self.client() as sock:
            for piece in pieces:
                sock.sendall(piece)
            if end:
                socket.socket.shutdown(sock, socket.SHUT_WR)  # ssl's own would forget how to read
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


LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Served:
    """A server in a thread of its own, with an event loop of its own, and how long it takes to end."""

    def __init__(
        self,
        app: App,
        limits: HttpLimits,
        certificates: Certificates | None,
        last_requests_s: float = 0.1,
        end_s: float = 2.0,
    ):
        self.app, self.limits, self.certificates = app, limits, certificates
        self.last_requests_s, self.end_s = last_requests_s, end_s
        self.is_up = threading.Event()
        self.takes_nobody = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def run(self, listener: socket.socket, loop: str) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        server = HttpServer(self.app, self.limits)
        await server.listen(listener, self.certificates)
        self.is_up.set()
        await self._stop.wait()
        await server.stop_listening()
        self.takes_nobody.set()
        await server.last_requests(self.last_requests_s)
        await server.end(self.end_s)
        server.close()

    def stop(self) -> None:
        """Tell it to end; returns when nobody can connect any more."""
        if not self.takes_nobody.is_set() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            assert self.takes_nobody.wait(30)


@contextlib.contextmanager
def serve(
    limits: HttpLimits,
    loop: str = "uvloop",
    certificates: Certificates | None = None,
    client: ssl.SSLContext | None = None,
    **ending: float,
) -> Iterator[Site]:
    """A site while the block runs, with TLS that its clients speak by `client` if it has `certificates`.

    `ending` is how long its end may take.
    """
    app = App()
    server = Served(app, limits, certificates, **ending)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=(listener, loop))
        thread.start()
        try:
            assert server.is_up.wait(30)
            yield Site(app, port, server.stop, client)
        finally:
            app.release.set()
            server.stop()
            thread.join(30)
            assert not thread.is_alive()


@contextlib.contextmanager
def secure_site(authority: Authority, limits: HttpLimits, loop: str = "uvloop") -> Iterator[Site]:
    """A server with TLS, whose clients know its authority."""
    pair = authority.pair()
    certificates = Certificates(TlsFiles(pair.cert, pair.key))
    client = ssl.create_default_context(cafile=authority.file)
    with serve(limits, loop, certificates, client) as site:
        yield site
