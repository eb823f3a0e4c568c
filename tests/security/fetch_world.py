"""Real servers and names for the tests of the guard on fetched URLs.

Two loopback addresses play the world: 127.0.0.1 is the internet, 127.0.0.2 is the inner network.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable

from modelport.security.fetch import (
    FetchLimits,
)

OUTER, INNER = "127.0.0.1", "127.0.0.2"


def words(text: str) -> list[str]:
    return text.split()


Respond = Callable[[socket.socket, threading.Event], None]


class Server(socketserver.ThreadingTCPServer):
    """A server that answers every connection with `respond`, and counts what reaches it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Respond, host: str, tls: ssl.SSLContext | None, reads_request: bool):
        super().__init__((host, 0), socketserver.BaseRequestHandler)
        self.respond, self.tls, self.reads_request = respond, tls, reads_request
        self.port: int = self.server_address[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request, client_address):
        try:
            if self.tls is not None:
                with self.tls.wrap_socket(request.dup(), server_side=True) as secure:
                    self.answer(secure)
            else:
                self.answer(request)
        except OSError:
            pass  # the client has gone, as it should

    def answer(self, connection: socket.socket) -> None:
        head = b""
        while self.reads_request and b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
        self.requests.append(head)
        self.respond(connection, self.stopping)

    def url(self, path: str = "/", scheme: str = "http", host: str | None = None) -> str:
        return f"{scheme}://{host or self.server_address[0]}:{self.port}{path}"

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


Serve = Callable[..., Server]


def body(content: bytes, *headers: str, status: str = "200 OK") -> Respond:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return raw("\r\n".join(lines).encode() + content)


def raw(message: bytes) -> Respond:
    return lambda connection, _: connection.sendall(message)


def redirect(location: str, status: str = "302 Found") -> Respond:
    return body(b"", f"Location: {location}", status=status)


def never(connection: socket.socket, stopping: threading.Event) -> None:
    stopping.wait()


def limits(*servers: Server, max_bytes: int = 1_000_000, deadline: float = 20.0) -> FetchLimits:
    return FetchLimits(
        max_bytes,
        deadline,
        allowed_ports=frozenset({server.port for server in servers} | {80, 443}),
        allow_addresses=lambda address: str(address) == OUTER,
    )


class Names:
    """A name server. Each name has a list of answers; the last one stays."""

    def __init__(self, **names: list[list[str]]):
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]
