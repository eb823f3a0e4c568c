"""`GET /v2/statistics`: what metrics show of models, as JSON. Nothing is counted for it, or read twice.

Where several server processes answer, it is that of all, whichever is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from time import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.metrics.counted_together import STATISTICS, together
from modelport.api.metrics.readings import Readings, place_of, state_of
from modelport.api.resources.statistics import (
    CountedRequests,
    ModelStatistics,
    SeenJobs,
    SeenVersion,
    SeenWorker,
    Spread,
    Statistics,
)
from modelport.contract.calls import GIVEN_UP
from modelport.engine.ports import Pool
from modelport.histogram import Histogram
from modelport.identity.principals import AccessScope
from modelport.siblings import LONG_SECONDS
from modelport.telemetry.metrics.requests import RequestCounts, ToldRequests


class StatisticsRoutes:
    """The handler. `requests` has what was counted of them, if that is wanted."""

    def __init__(self, readings: Readings, requests: RequestCounts | None):
        self._readings = readings
        self._requests = requests
        siblings = readings.siblings
        self._process = 0 if siblings is None else siblings.place.number
        if siblings is not None:
            siblings.answer(STATISTICS, self._tell)

    async def get(self, request: Request) -> Response:
        """`GET /v2/statistics`: of every model that one may read of."""
        asks, readings = principal_of(request.scope), self._readings
        seen = [name for name in readings.engine.pools if asks.may(AccessScope.READ, name)]
        if readings.siblings is None:
            return json_response(await self._own(seen))
        found = together(await readings.siblings.ask(STATISTICS, seconds=LONG_SECONDS))
        found.models = {name: found.models[name] for name in seen if name in found.models}
        return json_response(found)

    async def _tell(self, _: bytes) -> bytes:
        return msgspec.msgpack.encode(await self._own(self._readings.engine.pools))

    async def _own(self, names: Iterable[str]) -> Statistics:
        """Those of this process."""
        readings = self._readings
        slow = (readings.memory, readings.jobs)
        await asyncio.gather(*(reading.renew() for reading in slow))
        return Statistics(
            at=round(time(), 3),
            began=readings.began,
            models={name: self._model(name) for name in names},
            unread=[reading.part for reading in slow if reading.value is None],
        )

    def _model(self, name: str) -> ModelStatistics:
        readings = self._readings
        pools = readings.pools(name)
        live = pools[0]
        told = None if self._requests is None else self._requests.told(name)
        shares = readings.engine.shares.get(name)
        weights = {live.version: 1.0} if shares is None else shares.weights(live)
        tally = live.tally
        return ModelStatistics(
            live=live.version,
            state=live.state,
            since=round(live.state_since, 3),
            queue_size=live.settings.queue_size,
            workers_wanted=live.workers_wanted,
            workers=[worker for pool in pools for worker in self._workers(pool)],
            versions=[_version(pool, weights.get(pool.version, 0.0), told) for pool in pools],
            requests=None if told is None else _requests(*told),
            queued_seconds=_spread(tally.queued),
            worked_seconds=_spread(tally.worked),
            pieces=tally.pieces,
            restarts=tally.restarts,
            memory_replacements=tally.memory_replacements,
            ends={reason: count for reason, count in tally.ends.items() if count},
            jobs=self._jobs(name),
        )

    def _workers(self, pool: Pool) -> Iterable[SeenWorker]:
        memory = self._readings.memory.value or {}
        for worker in pool.workers:
            size = memory.get(place_of(pool, worker)) or None
            calls = len(worker.in_flight)
            yield SeenWorker(pool.version, worker.number, self._process, state_of(worker), calls, size)

    def _jobs(self, model: str) -> list[SeenJobs]:
        return [
            SeenJobs(
                found.kind,
                found.state,
                found.jobs,
                None if found.oldest is None else round(max(0.0, time() - found.oldest), 3),
            )
            for found in self._readings.jobs.value or ()
            if found.model == model
        ]


def _requests(whole: ToldRequests, streams: ToldRequests) -> CountedRequests:
    return CountedRequests(
        answers=_classes(whole.by_status + streams.by_status),
        seconds=_spread(whole),
        stream_seconds=_spread(streams),
        bytes_in=whole.bytes_in + streams.bytes_in,
        bytes_out=whole.bytes_out + streams.bytes_out,
    )


def _version(pool: Pool, share: float, told: tuple[ToldRequests, ToldRequests] | None) -> SeenVersion:
    waiting = pool.queue.waiting
    answers: dict[str, int] | None = None
    if told is not None:
        counts = told[0].by_version + told[1].by_version
        answers = _classes({status: n for (version, status), n in counts.items() if version == pool.version})
    return SeenVersion(
        version=pool.version,
        state=pool.state,
        share=share,
        waiting=waiting,
        running=max(0, len(pool.queue.pending) - waiting),
        answers=answers,
    )


def _classes(by_status: Mapping[int, int]) -> dict[str, int]:
    """Counts by the class of their status."""
    found: Counter[str] = Counter()
    for status, count in by_status.items():
        found["left" if status == GIVEN_UP else f"{status // 100}xx"] += count
    return dict(sorted(found.items()))


def _spread(histogram: Histogram) -> Spread:
    return Spread(list(histogram.bounds), list(histogram.counts), round(histogram.total, 6))
