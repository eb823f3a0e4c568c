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
CALLS = 1000  # one after the other
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
    """What a call costs from the queue to a worker and back, by how many workers a model has."""
    return asyncio.run(_workers())


async def _workers() -> list[Row]:
    rows: list[Row] = []
    for number in WORKERS:
        last = min(_way_of_a_call(_Crew(number)) for _ in range(15))
        said = f"{last * 1e6:.1f} µs"
        rows.append(Row(f"to the free one of {number:,} workers, and back", said, "", None))
    return rows


class _Crew:
    """A scheduler and its workers, all but the last of which have a call; what is sent to them is dropped."""

    def __init__(self, size: int):
        from modelport.contract.calls import Call
        from modelport.contract.current_worker import CurrentWorker
        from modelport.engine.local.scheduler import Scheduler
        from modelport.engine.local.thread import InThread
        from modelport.engine.local.worker_process import Worker
        from modelport.engine.tally import Tally
        from modelport.settings import Settings
        from modelport.worker.frames import Load

        tally = Tally()
        owner: Any = SimpleNamespace(workers=[], tally=tally, counted=tally.of(0))
        self.scheduler = Scheduler("m", Settings(), owner)
        self.workers: list[Worker] = owner.workers
        for number in range(size):
            load = Load("m", "module", "m", "", "", worker=CurrentWorker(number=number))
            worker = Worker(owner, load, InThread("m"))
            worker.on_turn = self.scheduler.free.turn
            self.workers.append(worker)
            worker.ready = True
        self.scheduler._dispatching = True  # by hand, that nothing but this is measured
        for number in range(size - 1):
            self.scheduler.submit(Call(CALLS + number), _nobody)
        self.scheduler._dispatch()


def _way_of_a_call(crew: _Crew) -> float:
    """Seconds of the processor, a call."""
    from modelport.contract.calls import Answer, Call

    scheduler, last = crew.scheduler, crew.workers[-1]
    calls = [(Call(number), [Answer(number, micros=1_000_000)]) for number in range(1, CALLS)]
    began = time.thread_time()
    for call, answers in calls:
        scheduler.submit(call, _nobody)
        scheduler._dispatch()
        scheduler.on_answers(last, answers)
    return (time.thread_time() - began) / len(calls)


def _nobody(pending: Any, answer: Any) -> None:
    """Who hears of the answers."""
