"""What grows with the number of jobs and of workers: see `docs/scale.md`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from benchmarks import servers
from benchmarks.job_measures import MANY, SMALL, fill
from benchmarks.measures import BODY, CONNECTIONS, Row

PLAYED = (1, 100, 1000)
PAGES = ("/metrics", "/v2/statistics", "/v2/models")
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


def played(seconds: float) -> list[Row]:
    """A server under load whose workers are played by one process (`benchmarks/played.py`)."""
    return [row for number in PLAYED for row in _played(number, seconds)]


def _played(number: int, seconds: float) -> list[Row]:
    port = servers.free_port()
    serve = ("serve", "--port", str(port), "--workers", str(number), "--queue-size", "10000", SMALL)
    raw = servers.request("/v2/models/small_typed/predict", BODY)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder, contextlib.ExitStack() as stack:
        variables = {"PYTHONPATH": f"{servers.ROOT / 'src'}:{servers.ROOT}", "MODELPORT_DATA_DIR": folder}
        command = [sys.executable, "-m", "benchmarks.played", *serve]
        pid = stack.enter_context(servers.running(command, port, "/v2/health/ready", variables))
        while _asked(port, "/v2/health/ready")[1]["models"]["small_typed"]["workers_ready"] < number:
            time.sleep(0.05)
        started = time.perf_counter() - began
        process = psutil.Process(pid)
        servers.load(port, raw, CONNECTIONS, 1.0)
        at_rest = _times_of(process)
        time.sleep(seconds)
        idle = (_times_of(process) - at_rest) / seconds
        before = _times_of(process)
        answered = servers.load(port, raw, CONNECTIONS, seconds)
        cost = (_times_of(process) - before) / (answered * seconds)
        memory = process.memory_info().rss
        pages = [(path, min(_asked(port, path)[0] for _ in range(7))) for path in PAGES]
        stops = time.perf_counter()
        stack.close()
        stopped = time.perf_counter() - stops
    found = {
        "start until all are ready": f"{started:.1f} s",
        "predictions by 32 clients": f"{answered:,.0f}/s",
        "the server's processor, a prediction": f"{cost * 1e6:.0f} µs",
        "the server's processor, at rest": f"{idle * 100:.1f} % of one",
        "the server's memory": f"{memory >> 20} MB",
        **{path: f"{took * 1000:.1f} ms" for path, took in pages},
        "stop": f"{stopped:.1f} s",
    }
    return [Row(f"{number:,} played workers: {what}", said, "", None) for what, said in found.items()]


def _times_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _asked(port: int, path: str) -> tuple[float, Any]:
    """The seconds of an answer, and what it says, where it is JSON."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        data = answer.read()
    took = time.perf_counter() - began
    return took, json.loads(data) if data[:1] == b"{" else None


def _nobody(pending: Any, answer: Any) -> None:
    """Who hears of the answers."""
