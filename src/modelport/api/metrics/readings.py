"""What is read now and then of models and jobs, once for all who show it: `/metrics` and `/v2/statistics`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import cached_property
from time import time

from modelport.engine.ports import Engine, Pool
from modelport.engine.processes import resident_bytes
from modelport.engine.seen import SeenWorker
from modelport.jobs.queries import Unended
from modelport.jobs.service import JobService
from modelport.runs.service import RunService
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading

MEMORY_SECONDS = JOBS_SECONDS = 2.0
STATES = ("starting", "free", "busy", "ending")
Place = tuple[str, str, str]  # a worker's: model, version, number


class Readings:
    """Reads of an engine and its jobs. What is read stops with `metrics`, of which each reading is a part
    from when it is first asked for, in the loop of the server.
    """

    def __init__(self, metrics: Metrics, engine: Engine, runs: RunService, jobs: JobService):
        self.engine = engine
        self.began = round(time(), 3)
        self._metrics = metrics
        self._runs = runs
        self._jobs = jobs
        self.siblings = jobs.storage.siblings

    def pools(self, name: str) -> list[Pool]:
        """The live pool of a model, and those of its versions that are loaded beside it."""
        return [self.engine.pools[name], *self._runs.versions.beside(name)]

    def all_pools(self) -> Iterable[Pool]:
        """Those of all models."""
        return (pool for name in self.engine.pools for pool in self.pools(name))

    @cached_property
    def memory(self) -> SlowReading[dict[Place, int]]:
        """The resident bytes of workers."""
        reading = SlowReading("memory", MEMORY_SECONDS, self._read_memory)
        self._metrics.slow.append(reading)
        return reading

    @cached_property
    def jobs(self) -> SlowReading[Sequence[Unended]]:
        """The jobs that have not ended."""
        reading = SlowReading("jobs", JOBS_SECONDS, self.unended_jobs)
        self._metrics.slow.append(reading)
        return reading

    async def _read_memory(self) -> dict[Place, int]:
        there = [
            (place_of(pool, worker), worker.pid)
            for pool in self.all_pools()
            for worker in pool.workers
            if not worker.retiring
        ]
        return await asyncio.to_thread(_sizes, there)

    async def unended_jobs(self) -> Sequence[Unended]:
        """The same, as they are now. Raises `StoreError` if that cannot be read."""
        jobs = self._jobs
        return () if jobs.unavailable else await jobs.store.unended(list(self.engine.pools))


def place_of(pool: Pool, worker: SeenWorker) -> Place:
    """How a worker is told from others."""
    return pool.name, str(pool.version), str(worker.number)


def state_of(worker: SeenWorker) -> str:
    """What a worker does, in one of the words of `STATES`."""
    if worker.retiring:
        return "ending"
    if not (worker.ready or worker.in_flight):
        return "starting"
    return "busy" if worker.in_flight else "free"


def _sizes(there: Sequence[tuple[Place, int]]) -> dict[Place, int]:
    return {place: resident_bytes(pid) for place, pid in there if pid}
