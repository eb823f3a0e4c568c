"""What is measured of durable jobs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

MANY = 100_000
FOLLOWERS = 20
SMALL = str(servers.MODELS / "small_typed.py")
CHATTY = str(servers.MODELS / "chatty.py")


def submissions(seconds: float) -> list[Row]:
    """Small prediction jobs accepted a second, each durable before its 202."""
    raw = servers.request("/v2/models/small_typed/predict", BODY, "Prefer: respond-async\r\n")
    any_number = ("--max-queued-jobs", "0", "--max-queued-jobs-in-all", "0")
    with servers.modelport(SMALL, *any_number) as (port, _):
        rate = servers.load(port, raw, CONNECTIONS, seconds)
    said = f"{rate:,.0f}/s accepted, synced to SQLite"
    return [Row("jobs from 32 clients", said, ">= 1,000/s", rate >= 1000)]


def listing() -> list[Row]:
    """Pages of 50 among 100,000 jobs, the slowest of several filters."""
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        asyncio.run(fill(Path(folder)))
        with servers.modelport(SMALL, "--job-workers", "0", data_dir=folder) as (port, _):
            slowest = 0.0
            for query in (
                "",
                "?model=m7",
                "?kind=train",
                "?state=queued",
                "?model=m3&state=queued&kind=predict",
            ):
                times = [_seconds(f"http://127.0.0.1:{port}/v2/jobs{query}") for _ in range(21)]
                slowest = max(slowest, sorted(times)[len(times) // 2])
    said = f"{slowest * 1000:.1f} ms (median of the slowest filter)"
    return [Row("a page among 100,000 jobs", said, "< 20 ms", slowest < 0.02)]


async def fill(folder: Path) -> None:
    """Make the database of a data folder in which 100,000 jobs wait, of ten models."""
    from modelport.jobs.records import NewJob
    from modelport.jobs.store import JobStore

    store = await JobStore.open(folder / "jobs.sqlite")
    for start in range(0, MANY, 2000):
        news = [
            NewJob(id=f"{n:032x}", kind="predict" if n % 3 else "train", model=f"m{n % 10}", call=b"x" * 200)
            for n in range(start, start + 2000)
        ]
        await asyncio.gather(*(store.submit(new) for new in news))
    await store.close()


def _seconds(url: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        assert len(json.load(answer)["jobs"]) > 0
    return time.perf_counter() - began


def followers(seconds: float) -> list[Row]:
    """What 20 followers of a job that writes 1,000 lines a second cost the hot path; none may miss a line."""
    raw = servers.request("/v2/models/small_typed/predict", BODY)
    with servers.modelport(SMALL, CHATTY) as (port, _):
        servers.load(port, raw, CONNECTIONS, 1.0)
        alone = max(servers.load(port, raw, CONNECTIONS, seconds) for _ in range(3))
        with _followed(port, lines=int(1000 * (3 * seconds + 3))) as counts:
            followed = max(servers.load(port, raw, CONNECTIONS, seconds) for _ in range(3))
    missed = sum(count != int(1000 * (3 * seconds + 3)) for count in counts)
    lost = 1 - followed / alone
    said = f"{lost * 100:.0f} % fewer predictions; {missed} of {FOLLOWERS} followers missed a line"
    what = "1,000 log lines a second, 20 followers"
    return [Row(what, said, "< 15 %, none", lost < 0.15 and missed == 0)]


@contextlib.contextmanager
def _followed(port: int, lines: int) -> Iterator[list[int]]:
    """A chatty training with its followers; the list has the lines that each has read once it is over."""
    base = f"http://127.0.0.1:{port}"
    start = urllib.request.Request(f"{base}/v2/models/chatty/train/?lines={lines}", data=b"", method="POST")
    with urllib.request.urlopen(start) as answer:
        job = json.load(answer)["uuid"]
    counts: list[int] = []

    def follow() -> None:
        os.sched_setaffinity(0, servers.CLIENT_CORE)  # of this thread; the server's core is the server's
        count = 0
        with urllib.request.urlopen(f"{base}/v2/jobs/{job}/log?follow=1") as stream:
            while data := stream.read1(1 << 16):  # counting by lines would cost more than following
                count += data.count(b"\n")
        counts.append(count)

    threads = [threading.Thread(target=follow) for _ in range(FOLLOWERS)]
    for thread in threads:
        thread.start()
    with urllib.request.urlopen(f"{base}/v2/jobs/{job}/log?follow=1") as stream:
        stream.readline()  # it writes now
    yield counts
    for thread in threads:
        thread.join()
