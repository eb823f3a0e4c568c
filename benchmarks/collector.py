"""A collector of traces that keeps nothing: `python -m benchmarks.collector PORT`."""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes over one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = head.lower().split(b"\r\n")
            lengths = [int(field[15:]) for field in fields if field.startswith(b"content-length:")]
            await reader.readexactly(sum(lengths))
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(take, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
