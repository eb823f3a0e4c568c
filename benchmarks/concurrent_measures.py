"""Many calls at once: async against FastAPI, threads, many streams against one, an engine and its batches."""

from __future__ import annotations

import asyncio
import time

from benchmarks import servers
from benchmarks.measures import Row

CLIENTS = 64
THREADS = 8
STREAMS = 100
PIECES = 20
READERS = 16
CHARACTERS = 4000
GENERATOR = servers.ROOT / "examples" / "generator" / "generator.py"


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


def threads(seconds: float) -> list[Row]:
    """8 clients of a plain function that sleeps 100 ms, in 8 threads of one worker."""
    with servers.modelport(f"sleepy={servers.MODELS / 'patient.py'}:Sleepy") as (port, _):
        rate = servers.load(port, servers.request("/v2/models/sleepy/predict", {}), THREADS, seconds)
    said = f"{rate:,.1f}/s of the {THREADS / 0.1:.0f} that there can be"
    return [Row("8 clients of time.sleep(0.1) in 8 threads", said, ">= 70/s", rate >= 70)]


def streams() -> list[Row]:
    """How much longer 100 streams of 20 pieces at 50 ms take together than one alone."""
    with servers.modelport(f"pieces={servers.MODELS / 'patient.py'}:Pieces") as (port, _):
        raw = _stream_request("pieces", {})
        one = min(_seconds_of(port, raw, 1, PIECES) for _ in range(3))
        many = min(_seconds_of(port, raw, STREAMS, PIECES) for _ in range(3))
    ratio = many / one
    said = f"all after {many:.2f} s = {ratio:.2f} times one alone"
    return [Row("100 streams of 20 pieces at 50 ms", said, "<= 1.2", ratio <= 1.2)]


def continuous_batching() -> list[Row]:
    """Characters a second that the example's engine writes for 16 readers, and for one."""
    with servers.modelport(str(GENERATOR)) as (port, _):
        raw = _stream_request("generator", {"length": CHARACTERS, "seed": 1})
        pieces = asyncio.run(_read_stream(port, raw))
        one = CHARACTERS / min(_seconds_of(port, raw, 1, pieces) for _ in range(3))
        many = READERS * CHARACTERS / min(_seconds_of(port, raw, READERS, pieces) for _ in range(3))
    ratio = many / one
    said = f"{many:,.0f} characters a second = {ratio:.1f} times those for one ({one:,.0f})"
    return [Row("examples/generator: 16 readers in one batch", said, ">= 4", ratio >= 4)]


def _stream_request(model: str, body: object) -> bytes:
    fields = "Accept: text/event-stream\r\nConnection: close\r\n"
    return servers.request(f"/v2/models/{model}/predict", body, fields)


def _seconds_of(port: int, raw: bytes, count: int, pieces: int) -> float:
    """How long so many streams take together. Raises `RuntimeError` unless each has so many pieces."""

    async def read() -> list[int]:
        async with asyncio.timeout(60):
            return await asyncio.gather(*(_read_stream(port, raw) for _ in range(count)))

    began = time.perf_counter()
    found = asyncio.run(read())
    took = time.perf_counter() - began
    if set(found) != {pieces}:
        raise RuntimeError(f"streams of {set(found)} pieces")
    return took


async def _read_stream(port: int, raw: bytes) -> int:
    """How many pieces a stream has."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = await reader.read()
    writer.close()
    return answer.count(b"data: ")
