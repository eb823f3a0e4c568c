"""Notices that nobody has used a server for a while, so that it can end: what scales to zero then does.

A look at whether there are jobs asks the database, so that is asked only once all else is quiet.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

from modelport.api.endpoints.table import ENDPOINTS
from modelport.api.metrics.readings import Readings
from modelport.engine.ports import ON_THE_WAY
from modelport.http.server import HttpServer
from modelport.jobs.service import JobService
from modelport.jobs.states import State
from modelport.storage.errors import StoreError
from modelport.telemetry.exchanges import Alike, Count, Exchange, Exchanges

LOOK_SECONDS = 1.0
SOON_SECONDS = 0.05  # after which to look again at what is answered just now
PROBES = frozenset(row.path for row in ENDPOINTS if row.is_probe)


class Used(Protocol):
    """What tells of a server whether it is used."""

    exchanges: Exchanges
    readings: Readings
    jobs: JobService


class Idleness:
    """Of one server: it is used by each request that is no probe, by streams, by jobs, and while it loads."""

    def __init__(self, life: Used, server: HttpServer):
        self._life = life
        self._server = server
        self._last = monotonic()
        life.exchanges.counted_by(self)

    def hear(self, exchange: Exchange) -> None:
        """A request has its answer."""
        if exchange.route not in PROBES:
            self._last = monotonic()

    def of(self, alike: Alike) -> Count:
        """What hears of each prediction that is answered the shortest way."""
        return self._predicted

    def _predicted(self, bytes_in: int, bytes_out: int, seconds: float, model_seconds: float) -> None:
        self._last = monotonic()

    async def lasted(self, seconds: float) -> None:
        """Return once nobody has used the server for so long."""
        had_jobs = False
        while True:
            if had_jobs or self._last + seconds <= monotonic():
                had_jobs = await self._has_jobs()
            if had_jobs or self._loads():
                self._last = monotonic()
            left = self._last + seconds - monotonic()
            if left <= 0 and not self._is_answering():
                return
            await asyncio.sleep(max(min(left, LOOK_SECONDS), SOON_SECONDS))

    def _loads(self) -> bool:
        return any(pool.state in ON_THE_WAY for pool in self._life.readings.all_pools())

    def _is_answering(self) -> bool:
        return self._server.is_answering or any(not pool.is_idle for pool in self._life.readings.all_pools())

    async def _has_jobs(self) -> bool:
        """Whether jobs wait or run. As long as nobody can tell, there may be some."""
        try:
            unended = await self._life.readings.unended_jobs()
        except StoreError:
            return True
        return any(found.state in (State.QUEUED, State.RUNNING) for found in unended)
