"""What grows with the number of jobs and of workers: see `docs/scale.md`."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.job_measures import MANY, fill
from benchmarks.measures import Row

WORKERS = (1, 10, 100, 1000)
MODELS = [f"m{number}" for number in range(10)]


def jobs() -> list[Row]:
    """What is asked of a SQLite file in which 100,000 jobs wait."""
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        asyncio.run(fill(Path(folder)))
        return asyncio.run(_jobs(Path(folder) / "jobs.sqlite"))


async def _jobs(file: Path) -> list[Row]:
    from modelport.jobs.store import JobStore

    store = await JobStore.open(file)
    acts: dict[str, Callable[[], Awaitable[Any]]] = {
        "a claim of one job, for ten models": lambda: store.claim("me", 1, 60.0, MODELS),
        "a claim that finds none": lambda: store.claim("me", 1, 60.0, ["nobody's"]),
        "a rescue that finds none": store.rescue,
        "the removal of old jobs, of which there are none": lambda: store.prune(1.0),
        "counting them for /metrics": lambda: store.unended(MODELS),
    }
    rows: list[Row] = []
    for what, act in acts.items():
        times: list[float] = []
        for _ in range(11):
            began = time.perf_counter()
            await act()
            times.append(time.perf_counter() - began)
        rows.append(Row(f"{MANY:,} jobs wait: {what}", f"{sorted(times)[5] * 1000:.1f} ms", "", None))
    await store.close()
    return rows


def workers() -> list[Row]:
    """How long it takes to find the one free worker of a model among many."""
    from modelport.engine.local.scheduler import Scheduler
    from modelport.engine.local.worker_process import Worker

    class FakeWorker:
        """As the scheduler sees one."""

        ready = True
        holds_alone = Worker.holds_alone

        def __init__(self, in_flight: dict[int, Any]):
            self.in_flight = in_flight

    busy: Any = {1: SimpleNamespace(call=SimpleNamespace(alone=False))}
    rows: list[Row] = []
    for number in WORKERS:
        crew = [FakeWorker(busy) for _ in range(number - 1)] + [FakeWorker({})]
        pool = SimpleNamespace(workers=crew)
        scheduler: Any = SimpleNamespace(_pool=pool, _batch_size=1, _queue=())
        times: list[float] = []
        for _ in range(101):
            began = time.perf_counter()
            Scheduler._freest(scheduler)
            times.append(time.perf_counter() - began)
        rows.append(Row(f"the free one of {number:,} workers", f"{sorted(times)[50] * 1e6:.0f} µs", "", None))
    return rows
