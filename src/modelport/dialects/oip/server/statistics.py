"""How often models were asked, and how long that took, in the words of Triton's statistics extension.

Nothing is counted for it: requests are those of the metrics, queues and workers those of the engine's tally.
Where several server processes answer, it is told what all have counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cached_property
from time import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.dialect_calls import told_in
from modelport.api.metrics.readings import Readings
from modelport.api.named_models import asked_pool
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.dialects.oip.counted import (
    BatchTimes,
    CountedTime,
    InferenceStatistics,
    InferenceTimes,
    VersionStatistics,
)
from modelport.dialects.oip.counted_together import COUNTED, together
from modelport.engine.ports import Pool
from modelport.histogram import Histogram
from modelport.identity.principals import AccessScope
from modelport.problems import Problem
from modelport.runs.service import RunService
from modelport.siblings import LONG_SECONDS
from modelport.telemetry.metrics.requests import RequestCounts, Took

ALL = "stats"  # where a model of this name has its metadata
NOT_COUNTED = "nothing is counted on this server: start it with the setting metrics on"


class CountedModels:
    """Reads what was counted. `requests` is `None` where nothing is."""

    def __init__(self, readings: Readings, requests: RequestCounts | None):
        self._readings = readings
        self._requests = requests
        if readings.siblings is not None:
            readings.siblings.answer(COUNTED, self._tell)

    async def of_all(self, models: Iterable[str]) -> list[VersionStatistics]:
        """The statistics of each version of these models that is loaded, the live one first.

        Raises `Problem` 404 where nothing is counted.
        """
        if self._requests is None:
            raise Problem(404, NOT_COUNTED)
        siblings = self._readings.siblings
        if siblings is None:
            return self._own(models)
        found = together(await siblings.ask(COUNTED, seconds=LONG_SECONDS))
        return [one for model in models for one in found if one.name == model]

    async def of(self, model: str, version: int | None = None) -> list[VersionStatistics]:
        """Those of one model, or of one of its versions.

        Raises `Problem` 404 for a version that is not loaded, and where nothing is counted.
        """
        found = await self.of_all([model])
        if version is None:
            return found
        named = [one for one in found if one.version == str(version)]
        if not named:
            raise Problem(404, f"version {version} of {model!r} is not loaded: nothing is counted of it")
        return named

    def _own(self, models: Iterable[str]) -> list[VersionStatistics]:
        """What this process has counted."""
        counted = self._requests or RequestCounts()
        return [
            self._of_pool(pool, *counted.predictions(model, pool.version))
            for model in models
            for pool in self._readings.pools(model)
        ]

    async def _tell(self, _: bytes) -> bytes:
        return msgspec.msgpack.encode(self._own(self._readings.engine.pools))

    @cached_property
    def _loop_began(self) -> float:
        """When the clock of the loop was 0, in seconds of the epoch: read once, or times would waver."""
        return time() - asyncio.get_running_loop().time()

    def _of_pool(self, pool: Pool, good: Took, bad: Took) -> VersionStatistics:
        counted = pool.counted
        none, at = CountedTime(), pool.queue.last_asked
        batches = [
            BatchTimes(size, none, CountedTime(times, micros * 1000), none)
            for size, (times, micros) in sorted(counted.executed.items())
        ]
        together = sum(times for times, _ in counted.executed.values())
        return VersionStatistics(
            name=pool.name,
            version=str(pool.version),
            last_inference=int((self._loop_began + at) * 1000) if at else 0,
            inference_count=good.times,
            execution_count=together or sum(counted.worked.counts),
            inference_stats=InferenceTimes(
                success=_took(good), fail=_took(bad), queue=_spent(counted.queued),
                compute_input=none, compute_infer=_spent(counted.worked), compute_output=none,
                cache_hit=none, cache_miss=none,
            ),
            batch_stats=batches,
        )  # fmt: skip


class StatisticsRoutes:
    """The handlers, one method a resource."""

    def __init__(self, counted: CountedModels, runs: RunService):
        self.counted = counted
        self._runs = runs

    async def all(self, request: Request, metadata: Callable[[Pool], dict[str, Any]]) -> Response:
        """`GET /v2/models/stats`: of every model that one may read of.

        `metadata` is that of a model, which has it here if this is its name.
        """
        with told_in(INFERENCE_ERROR):
            asks, pools = principal_of(request.scope), self._runs.engine.pools
            seen = [name for name in pools if asks.may(AccessScope.READ, name)]
            found = {"model_stats": await self.counted.of_all(seen)}
            return json_response(metadata(pools[ALL]) | found if ALL in seen else found)

    async def model(self, request: Request) -> Response:
        """`GET /v2/models/{model}/stats`."""
        with told_in(INFERENCE_ERROR):
            name = asked_pool(self._runs.engine, request).name
            return json_response(InferenceStatistics(await self.counted.of(name)))

    async def version(self, request: Request) -> Response:
        """`GET /v2/models/{model}/versions/{version}/stats`, by number or alias."""
        with told_in(INFERENCE_ERROR):
            name = asked_pool(self._runs.engine, request).name
            version = await self._runs.resolve(name, request.path_params["version"])
            await self._runs.check_version(name, version)
            return json_response(InferenceStatistics(await self.counted.of(name, version)))


def _took(found: Took) -> CountedTime:
    return CountedTime(found.times, int(found.seconds * 1e9))


def _spent(found: Histogram) -> CountedTime:
    return CountedTime(sum(found.counts), int(found.total * 1e9))
