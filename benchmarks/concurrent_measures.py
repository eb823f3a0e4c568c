"""Many calls at once: an asynchronous model against FastAPI, and many token streams against one."""

from __future__ import annotations

import asyncio
import time

from benchmarks import servers
from benchmarks.measures import Row

CLIENTS = 64
STREAMS = 100
PIECES = 20


def waiting(seconds: float) -> list[Row]:
    """64 clients of a function that waits 50 ms, in a worker and in FastAPI's own process."""
    body = {"seconds": 0.05}
    with servers.asgi("patient_fastapi:app") as port:
        peer = servers.load(port, servers.request("/", body), CLIENTS, seconds)
    with servers.modelport(f"{servers.MODELS / 'patient.py'}:Patient") as (port, _):
        ours = servers.load(port, servers.request("/v2/models/patient/predict", body), CLIENTS, seconds)
    ratio = ours / peer
    said = f"{ours:,.0f}/s = {ratio:.2f} of FastAPI on uvicorn ({peer:,.0f}/s)"
    return [Row("64 clients of an async predict that waits 50 ms", said, ">= 0.95", ratio >= 0.95)]


def streams() -> list[Row]:
    """How much longer 100 streams of 20 pieces at 50 ms take together than one alone."""
    with servers.modelport(f"pieces={servers.MODELS / 'patient.py'}:Pieces") as (port, _):
        one = min(asyncio.run(_read_streams(port, 1)) for _ in range(3))
        many = min(asyncio.run(_read_streams(port, STREAMS)) for _ in range(3))
    ratio = many / one
    said = f"all after {many:.2f} s = {ratio:.2f} times one alone"
    return [Row("100 streams of 20 pieces at 50 ms", said, "<= 1.2", ratio <= 1.2)]


async def _read_streams(port: int, count: int) -> float:
    raw = servers.request(
        "/v2/models/pieces/predict", {}, "Accept: text/event-stream\r\nConnection: close\r\n"
    )
    began = time.perf_counter()
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(_read_stream(port, raw) for _ in range(count)))
    took = time.perf_counter() - began
    if set(found) != {PIECES}:
        raise RuntimeError(f"streams of {set(found)} pieces")
    return took


async def _read_stream(port: int, raw: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = await reader.read()
    writer.close()
    return answer.count(b"data: ")
