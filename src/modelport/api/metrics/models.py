"""What is told of models: their states, queues, workers and versions."""

from __future__ import annotations

from collections import Counter

from modelport.api.metrics.readings import STATES, Place, Readings, place_of, state_of
from modelport.engine.ports import Pool
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.requests import RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.text import Page


class ModelMetrics:
    """Shows the models of an engine, and what `requests` has counted for them."""

    def __init__(self, readings: Readings, requests: RequestCounts):
        self._engine = readings.engine
        self._readings = readings
        self._requests = requests
        self._memory = readings.memory

    def watch(self, metrics: Metrics) -> None:
        """Have them shown."""
        metrics.sources += [self._show_requests, self._show_models, self._show_calls]

    def _show_requests(self, page: Page) -> None:
        pools = self._readings.pools
        loaded = {name: {pool.version for pool in pools(name)} for name in self._engine.pools}
        self._requests.show(page, loaded)

    def _show_models(self, page: Page) -> None:
        engine = self._engine
        page.add(of.READY, (), int(engine.ready() and not engine.draining))
        memory = self._memory.value or {}
        for pool in self._readings.all_pools():
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
        states = Counter(state_of(worker) for worker in pool.workers)
        for state in STATES:
            page.add(of.WORKERS, (*labels, state), states[state])
        for worker in pool.workers:
            place = place_of(pool, worker)
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


def _labels(pool: Pool) -> tuple[str, str]:
    return pool.name, str(pool.version)
