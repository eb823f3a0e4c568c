"""A load generator: keep-alive connections that send the same request again and again.

    python -m benchmarks.load PORT CONNECTIONS SECONDS [AUTHORITY] < REQUEST

REQUEST is the raw HTTP request; with a file of an AUTHORITY it goes over TLS. Prints JSON: answers a
second, and the status codes but 200 and 202.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time


class Connection(asyncio.Protocol):
    """One client: sends, waits for the whole answer, sends again, until `stop_at`."""

    def __init__(self, request: bytes, stop_at: float, done: asyncio.Event):
        self.request = request
        self.stop_at = stop_at
        self.done = done
        self.answers = 0
        self.errors: dict[str, int] = {}
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            self.buffer = buffer
            return
        mark = buffer.lower().find(b"content-length: ", 0, head)
        length = int(buffer[mark + 16 : buffer.find(b"\r\n", mark)])
        if len(buffer) < head + 4 + length:
            self.buffer = buffer
            return
        self.buffer = b""
        status = buffer[9:12].decode()
        if status in ("200", "202"):
            self.answers += 1
        else:
            self.errors[status] = self.errors.get(status, 0) + 1
        if time.perf_counter() < self.stop_at:
            self.transport.write(self.request)
        else:
            self.done.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.is_set():
            self.errors["closed"] = self.errors.get("closed", 0) + 1
        self.done.set()


async def run(
    port: int, connections: int, seconds: float, request: bytes, tls: ssl.SSLContext | None
) -> dict[str, object]:
    """Drive the server at `port` for so many seconds."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients: list[Connection] = []
    for _ in range(connections):
        client = Connection(request, began + seconds, asyncio.Event())
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port, ssl=tls)
        clients.append(client)
    async with asyncio.timeout(seconds + 120):
        for client in clients:
            await client.done.wait()
    took = time.perf_counter() - began
    errors: dict[str, int] = {}
    for client in clients:
        client.transport.close()
        for status, count in client.errors.items():
            errors[status] = errors.get(status, 0) + count
    return {"per_second": sum(client.answers for client in clients) / took, "errors": errors}


def main() -> None:
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    tls = ssl.create_default_context(cafile=sys.argv[4]) if sys.argv[4:] else None
    request = sys.stdin.buffer.read()
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        print(json.dumps(runner.run(run(port, connections, seconds, request, tls))))


if __name__ == "__main__":
    main()
