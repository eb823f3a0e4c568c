"""Trainings and validations: DEEPaaS's resources, each training a durable job.

Source: the recorded exchanges of DEEPaaS 2.6. Where it loses trainings or answers 500 (a restart, DELETE,
a file argument), these do what its documentation says.
"""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Listings, json_response
from modelport.api.credentials import principal_of
from modelport.api.job_files import GONE
from modelport.api.named_models import asked_pool
from modelport.api.ownership import check_change, is_seen, whose
from modelport.contract.signature import VerbName
from modelport.dialects.v2.server.bodies import training_body
from modelport.engine.ports import Engine
from modelport.jobs.queries import Filter
from modelport.jobs.records import Job
from modelport.jobs.service import JobService
from modelport.problems import Problem
from modelport.settings import Settings

MAX_LISTED = 1000
LISTED_BYTES = 4 << 20  # of arguments, and as many of results


class Trainings:
    """The resources that are read, and DELETE; POST goes through `JobSubmission`. One for each verb."""

    def __init__(
        self, engine: Engine, jobs: JobService, listings: Listings, settings: Settings, verb: VerbName
    ):
        self.listings = listings
        self.engine = engine
        self.jobs = jobs
        self.settings = settings
        self.verb = verb

    async def list(self, request: Request) -> Response:
        """`GET …/train/`: the newest 1,000 of the model, oldest first; large results only one by one.

        Fewer where their arguments are large: `/v2/jobs` has all of them, in pages.
        """
        pool = asked_pool(self.engine, request)
        check_trainings_allowed(self.settings)
        by = whose(principal_of(request.scope))
        return await self.listings.answer(
            lambda: self._newest(pool.name, by), lambda jobs: [training_body(job) for job in reversed(jobs)]
        )

    async def _newest(self, model: str, by: str | None) -> list[Job]:
        """The newest first, those of one alone unless that is `None`.

        The arguments of all, and the results of those of them that fit, are bounded.
        """
        store = self.jobs.store
        page = await store.page(Filter(model, self.verb, None, by), MAX_LISTED, None, LISTED_BYTES)
        results = await store.results([job.number for job in page.jobs], LISTED_BYTES)

        def whole(job: Job) -> Job:
            if job.outcome is None or job.number not in results:
                return job
            return replace(job, outcome=replace(job.outcome, result=results[job.number]))

        return [whole(job) for job in page.jobs]

    async def show(self, request: Request) -> Response:
        """`GET …/train/{uuid}`."""

        async def read() -> Job:
            return await self._whole(await self._find(request))

        return await self.listings.answer(read, training_body)

    async def cancel(self, request: Request) -> Response:
        """`DELETE …/train/{uuid}`: ask it to stop; it stays listed."""
        job = await self._find(request)
        check_change(job, principal_of(request.scope))
        job = await self.jobs.cancel(job.id) or job
        return json_response(training_body(await self._whole(job)))

    async def _whole(self, job: Job) -> Job:
        """The job with its result, also if that is so large that it lies in a file."""
        outcome = job.outcome
        if outcome is None or not outcome.result_file:
            return job
        await self.jobs.bring_result(job)
        path = self.jobs.folders.of(job.id) / outcome.result_file
        try:
            result = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise Problem(404, GONE) from None
        return replace(job, outcome=replace(outcome, result=result))

    async def _find(self, request: Request) -> Job:
        pool = asked_pool(self.engine, request)
        check_trainings_allowed(self.settings)
        job = await self.jobs.store.get(request.path_params["uuid"])
        is_one = job is not None and job.model == pool.name and job.kind == self.verb
        if job is None or not is_one or not is_seen(job.requested_by, principal_of(request.scope)):
            raise Problem(404, f"the model {pool.name!r} has no such {self.verb} job")
        return job


def check_trainings_allowed(settings: Settings) -> None:
    """Raise `Problem` 402, as DEEPaaS answers, if trainings are switched off."""
    if not settings.train_endpoint:
        raise Problem(402, "trainings are switched off on this server")
