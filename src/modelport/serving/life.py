"""One life of a server: what it consists of, and the one order in which that starts, drains and stops.

Whoever serves (the command line, `serve`, `running`, `create_app`, a test) makes a `Life` and keeps to this:

- *start*: the spool folder and the pools; the workers, where no version has to be looked up first; the data
  folder, the database, whether what it keeps is these models' own, and then the jobs; the runs, which let the
  other models begin with the version that is live. A database that cannot be had yet is waited for meanwhile.
- *drain*: readiness says no, predictions under way end, running jobs are asked to stop and given back. What
  does not end in time is answered 503 while somebody still listens.
- *end*: nothing is loaded or promoted any more, and no job runs; the database is closed, since nothing that
  follows may write to it, and the data folder is another server's to take; then the workers end, and the
  temporary files go.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from modelport.api.app import Application, Services
from modelport.api.metrics.readings import Readings
from modelport.api.metrics.watching import watch
from modelport.api.model_reports import ModelReports
from modelport.api.payload_sharing import payload_sharing
from modelport.contract.errors import ModelLoadError
from modelport.engine.making import make_engine
from modelport.identity.accounting import Accounting
from modelport.identity.service import Identity
from modelport.jobs.service import JobService
from modelport.runs.recording import record_run
from modelport.runs.service import RunService
from modelport.settings import Settings
from modelport.siblings import Siblings
from modelport.sources.source import Source
from modelport.storage.errors import StoreError
from modelport.storage.service import Storage
from modelport.telemetry.exchanges import Exchanges
from modelport.telemetry.metrics.requests import RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.payloads.log import PayloadLog
from modelport.telemetry.payloads.waiting import WaitingTruths
from modelport.telemetry.traces.choosing import chosen_traces
from modelport.telemetry.traces.export import Export
from modelport.telemetry.traces.requests import Traces
from modelport.telemetry.traces.variables import resource, sending

log = logging.getLogger("modelport.server")

TRACE_SECONDS = 3.0  # for the last spans, at the end
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0  # seconds between two tries to open a database


class Life:
    """Engine, storage, jobs, runs and application of one server, in one event loop. `start` it, `end` it.

    `configurations` are those of the application, `siblings` the other processes of the server.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        settings: Settings,
        configurations: Mapping[str, Any] | None = None,
        siblings: Siblings | None = None,
    ):
        self.settings = settings
        self.siblings = siblings
        self.engine = make_engine(sources, settings)
        self.storage = Storage(settings, siblings)
        self.jobs = JobService(self.engine, self.storage, settings, when_trained=record_run)
        self.runs = RunService(self.engine, self.storage, self.jobs.shared, settings)
        self.identity = Identity(self.storage, settings)
        self.exchanges = Exchanges()
        self.url = ""  # where it answers, once that is known
        self.metrics = Metrics()
        self._export: Export | None = None
        self._choose_traces()
        self._requests = RequestCounts()
        self.readings = Readings(self.metrics, self.engine, self.runs, self.jobs)
        if siblings is not None:
            self.runs.repository.share(siblings)
            self.metrics.share(siblings)
        self.payloads = PayloadLog(settings, self.storage.folder, self.engine.request_id)
        self.engine.call_log = self.payloads
        waiting = WaitingTruths(self.storage, settings)
        sharing = payload_sharing(self.payloads, settings, self.storage.folder)
        self.reports = ModelReports(self.runs, self.payloads, waiting, sharing, siblings)
        self.accounting = Accounting(
            self.storage, settings, self.identity.allowances, lambda name: name in self.engine.pools
        )
        if self.accounting.is_on:
            self.exchanges.counted_by(self.accounting)
        self._configurations = configurations
        self._opening: asyncio.Task[None] | None = None
        self._calls_end: asyncio.Task[None] | None = None
        self._jobs_end: asyncio.Task[None] | None = None
        self._gave_up = False

    def _choose_traces(self) -> None:
        """Have requests traced, if that is wanted."""
        chosen = chosen_traces(self.settings, os.environ)
        if chosen is None:
            return
        self._export = Export(sending(chosen.endpoint, os.environ), resource(uuid.uuid4().hex, os.environ))
        self.engine.spans = take = self._export.take
        scheme = "https" if self.settings.tls_cert else "http"
        follows = chosen.follows_parent
        self.exchanges.traces = Traces(take, chosen.ratio, follows_parent=follows, scheme=scheme)

    def application(self, settings: Settings | None = None, routes: Sequence[BaseRoute] = ()) -> Application:
        """The application over what lives here; where it is mounted, settings of that place."""
        return Application(
            Services(
                engine=self.engine,
                jobs=self.jobs,
                runs=self.runs,
                identity=self.identity,
                accounting=self.accounting,
                exchanges=self.exchanges,
                metrics=self.metrics,
                readings=self.readings,
                requests=self._requests if self.settings.metrics else None,
                reports=self.reports,
                siblings=self.siblings,
            ),
            settings or self.settings,
            routes,
            self._configurations,
        )

    async def start(self) -> None:
        """Start everything; returns before the models are ready.

        Raises `OSError` if the spool folder cannot be made, and `ModelLoadError` if the runs and jobs that
        are kept under a model's name are those of another one.
        """
        await self.engine.open()
        if self.siblings is not None:
            await self.siblings.open()
        if self._export is not None:
            self._export.open()
        if self.settings.metrics:
            self.exchanges.counted_by(self._requests)
            watch(self.metrics, self._requests, self.readings, self.runs, self.jobs, self.reports)
        await asyncio.to_thread(self._keep_payloads)
        self.runs.observe()
        if not self.runs.may_have_versions():
            self.engine.begin()  # which need not wait for the store
        await self.runs.know_origins()
        await self._open_storage()
        self.identity.begin()
        await self._begin_with_storage()
        self.runs.start()
        if self.reports.sharing is not None:
            self.reports.sharing.begin(self.reports.take_over_all)

    async def _begin_with_storage(self) -> None:
        self.accounting.begin()
        if self.siblings is None or self.siblings.place.speaks:
            await self.identity.invite(self.url)
        self.jobs.begin()

    def _keep_payloads(self) -> None:
        if self.payloads.is_kept():
            self.payloads.begin()

    async def _open_storage(self) -> None:
        """Open what outlives this server. Predictions go on without it."""
        try:
            await self.jobs.prepare()
            await self.storage.open(self.runs.own_names)
        except (OSError, ValueError, StoreError) as error:
            self.storage.give_up(error)
            if self.storage.may_come(error):
                self._opening = asyncio.create_task(self._open_later())
        else:
            self.jobs.open()

    async def _open_later(self) -> None:
        """Try again until the database can be opened, and do then what was left out at the start."""
        pause = FIRST_PAUSE
        while self.storage.unavailable:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                await self.storage.open(self.runs.own_names)
            except (StoreError, ModelLoadError) as error:
                if not self.storage.may_come(error):
                    self.storage.give_up(error)
                    return
        self.jobs.open()
        self.identity.look()
        await self._begin_with_storage()
        self.runs.catch_up()
        log.info("the database can be used now")

    def drain(self) -> None:
        """Begin to stop; `drained` waits for the end of it."""
        if self._calls_end is None:
            self._calls_end = asyncio.create_task(self._end_calls(self.settings.drain_timeout))
            self._jobs_end = asyncio.create_task(self.jobs.stop_running())

    async def _end_calls(self, seconds: float) -> None:
        if not await self.engine.drain(seconds):
            self._gave_up = True
            log.warning("%g s have passed; what still runs is stopped", seconds)
            await self.engine.stop()

    async def drained(self) -> None:
        """Wait until predictions and jobs that ran when `drain` was called have ended, or were given up."""
        await asyncio.gather(*filter(None, (self._calls_end, self._jobs_end)), return_exceptions=True)

    def kill_jobs(self) -> None:
        """Kill the jobs that run: there is no time to ask them."""
        self.jobs.kill()

    async def end(self, *, at_once: bool = False) -> None:
        """Stop everything and remove every file; `drain` first where there is time. `at_once` asks nobody."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self.metrics.stop()
        if self.reports.sharing is not None:
            await self.reports.sharing.stop()
        await self.runs.stop()
        await self.jobs.stop(at_once=at_once)
        await self.identity.stop()
        await self.accounting.stop()
        await self.storage.close()
        if self.siblings is not None:
            await self.siblings.close()
        await self.jobs.leave()
        if self._calls_end is not None and not self._gave_up:
            self._calls_end.cancel()
        await self.drained()
        await self.engine.stop(at_once=at_once)
        await asyncio.to_thread(self.payloads.close)
        if self.reports.sharing is not None:
            await self.reports.sharing.close(at_once=at_once)
        if self._export is not None:
            await self._export.close(0.0 if at_once else TRACE_SECONDS)
