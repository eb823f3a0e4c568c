"""What is told of models: their states, queues, workers and versions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from modelport.engine.ports import Engine, Pool
from modelport.engine.processes import resident_bytes
from modelport.engine.seen import SeenWorker
from modelport.runs.service import RunService
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.requests import RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page

MEMORY_SECONDS = 2.0
Place = tuple[str, str, str]  # a worker's: model, version, number


class ModelMetrics:
    """Shows the models of an engine, and what `requests` has counted for them."""

    def __init__(self, engine: Engine, runs: RunService, requests: RequestCounts):
        self._engine = engine
        self._runs = runs
        self._requests = requests
        self._memory = SlowReading("memory", MEMORY_SECONDS, self._read_memory)

    def watch(self, metrics: Metrics) -> None:
        """Have them shown."""
        metrics.slow.append(self._memory)
        metrics.sources += [self._show_requests, self._show_models, self._show_calls]

    def _pools(self, name: str) -> list[Pool]:
        """The live pool of a model, and those of its versions that are loaded beside it."""
        return [self._engine.pools[name], *self._runs.versions.beside(name)]

    def _all(self) -> Iterable[Pool]:
        return (pool for name in self._engine.pools for pool in self._pools(name))

    def _show_requests(self, page: Page) -> None:
        loaded = {name: {pool.version for pool in self._pools(name)} for name in self._engine.pools}
        self._requests.show(page, loaded)

    def _show_models(self, page: Page) -> None:
        engine = self._engine
        page.add(of.READY, (), int(engine.ready() and not engine.draining))
        memory = self._memory.value or {}
        for pool in self._all():
            self._show_pool(page, pool, memory)
        for name, live in engine.pools.items():
            page.add(of.LIVE, _labels(live), 1)
            shares = engine.shares.get(name)
            weights = {live.version: 1.0} if shares is None else shares.weights(live)
            for version, weight in weights.items():
                page.add(of.WEIGHT, (name, str(version)), weight)

    def _show_pool(self, page: Page, pool: Pool, memory: dict[Place, int]) -> None:
        labels = _labels(pool)
        page.add(of.MODEL_READY, labels, int(pool.state.answers))
        page.add(of.MODEL_STATE, (*labels, pool.state.value), 1)
        if pool.ready_seconds is not None:
            page.add(of.LOAD_SECONDS, labels, pool.ready_seconds)
        waiting = pool.queue.waiting
        page.add(of.QUEUE_CALLS, labels, waiting)
        page.add(of.QUEUE_LIMIT, labels, pool.settings.queue_size)
        page.add(of.RUNNING_CALLS, labels, max(0, len(pool.queue.pending) - waiting))
        states = Counter(_state(worker) for worker in pool.workers)
        for state in STATES:
            page.add(of.WORKERS, (*labels, state), states[state])
        for worker in pool.workers:
            place = (*labels, str(worker.number))
            if memory.get(place):
                page.add(of.WORKER_MEMORY, place, memory[place])

    def _show_calls(self, page: Page) -> None:
        for name, pool in self._engine.pools.items():
            labels, tally = (name,), pool.tally
            page.histogram(of.QUEUED, labels, tally.queued)
            page.histogram(of.BATCHES, labels, tally.batches)
            page.histogram(of.WORKED, labels, tally.worked)
            page.add(of.PIECES, labels, tally.pieces)
            page.add(of.RESTARTS, labels, tally.restarts)
            page.add(of.REPLACED, labels, tally.memory_replacements)
            for reason, count in tally.ends.items():
                page.add(of.ENDS, (name, reason), count)

    async def _read_memory(self) -> dict[Place, int]:
        there = [
            ((*_labels(pool), str(worker.number)), worker.pid)
            for pool in self._all()
            for worker in pool.workers
            if not worker.retiring
        ]
        return await asyncio.to_thread(_sizes, there)


STATES = ("starting", "free", "busy", "ending")


def _state(worker: SeenWorker) -> str:
    if worker.retiring:
        return "ending"
    if not (worker.ready or worker.in_flight):
        return "starting"
    return "busy" if worker.in_flight else "free"


def _labels(pool: Pool) -> tuple[str, str]:
    return pool.name, str(pool.version)


def _sizes(there: Sequence[tuple[Place, int]]) -> dict[Place, int]:
    return {place: resident_bytes(pid) for place, pid in there if pid}
