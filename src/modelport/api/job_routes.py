"""`/v2/jobs`: what long work was asked for, how far it is, and what came out of it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Listings, json_response
from modelport.api.credentials import principal_of
from modelport.api.job_files import JobFile
from modelport.api.job_metrics import MAX_POINTS, metrics_page, metrics_table
from modelport.api.job_streams import followed_answer, followed_events, followed_log
from modelport.api.ownership import check_change, check_retry, is_seen, whose
from modelport.api.query_values import (
    MAX_CURSOR,
    cursor_in,
    cursor_text,
    number_in,
    one_of,
    whole_number,
    yes_or_no,
)
from modelport.api.resources.jobs import Artifact, Artifacts, Jobs
from modelport.api.strange_bytes import guards_of
from modelport.jobs.pages import PAGE_BYTES
from modelport.jobs.queries import Filter
from modelport.jobs.records import KINDS, Job, Page
from modelport.jobs.service import JobService
from modelport.jobs.shared_files import ARTIFACTS
from modelport.jobs.states import ENDED, State
from modelport.jobs.views import job_view
from modelport.problems import Problem

MAX_PAGE = 500
OF_LINK = {"cache-control": "no-store", "referrer-policy": "no-referrer"}  # it lets anybody in


class JobRoutes:
    """The handlers, one method a resource."""

    def __init__(self, jobs: JobService, listings: Listings, base_path: str):
        self.jobs = jobs
        self.listings = listings
        self.base_path = base_path

    async def known_id(self, request: Request) -> str:
        """The id of the job that the path names, without what it was given and returned, which may be much.

        Raises `Problem` 404, also to who may not see it.
        """
        job_id = request.path_params["job"]
        requested_by = await self.jobs.store.requested_by(job_id)
        if requested_by is None or not is_seen(requested_by, principal_of(request.scope)):
            raise _no_job(job_id)
        return job_id

    async def find(self, request: Request) -> Job:
        """The job that the path names. Raises `Problem` 404, also to who may not see it."""
        job_id = request.path_params["job"]
        job = await self.jobs.store.get(job_id)
        if job is None or not is_seen(job.requested_by, principal_of(request.scope)):
            raise _no_job(job_id)
        return job

    async def list(self, request: Request) -> Response:
        """`GET /v2/jobs?model&kind&state&limit&cursor`: newest first."""
        query = request.query_params
        state = one_of(query.get("state"), "state", State)
        kind = one_of(query.get("kind"), "kind", KINDS)
        by = whose(principal_of(request.scope))
        fits = Filter(query.get("model"), kind, State(state) if state else None, by)
        limit = number_in(query, "limit", 50, 1, MAX_PAGE)
        cursor = cursor_in(query)

        def body(page: Page) -> Jobs:
            listed = [job_view(job, self.base_path) for job in page.jobs]
            return Jobs(listed, cursor_text(page.cursor))

        return await self.listings.answer(lambda: self.jobs.store.page(fits, limit, cursor, PAGE_BYTES), body)

    async def job(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}`."""
        return await self.listings.answer(
            lambda: self.find(request), lambda job: job_view(job, self.base_path)
        )

    async def cancel(self, request: Request) -> Response:
        """`DELETE /v2/jobs/{job}`: ask it to stop. 200 if it has ended, 202 if it has still to end."""
        check_change(await self.find(request), principal_of(request.scope))
        job = await self.jobs.cancel(request.path_params["job"])
        if job is None:
            job = await self.find(request)  # it was removed a moment ago: not found
        return json_response(job_view(job, self.base_path), status=200 if job.state in ENDED else 202)

    async def retry(self, request: Request) -> Response:
        """`POST /v2/jobs/{job}/retry`: queue an interrupted job again."""
        job = await self.find(request)
        check_retry(job, principal_of(request.scope))
        again = await self.jobs.retry(job.id) if job.state is State.INTERRUPTED else None
        if again is None:
            raise Problem(409, f"the job is {job.state}; only an interrupted one can be retried")
        return json_response(job_view(again, self.base_path), status=202)

    async def events(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/events`: server-sent events, resumed after `Last-Event-ID`."""
        job_id = await self.known_id(request)
        after = number_in(request.query_params, "after", 0, 0, MAX_CURSOR)
        after = whole_number(request.headers.get("last-event-id"), "Last-Event-ID", after, 0, MAX_CURSOR)
        return followed_answer(request, followed_events(self.jobs, job_id, after), "text/event-stream")

    async def log(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/log`: what it printed, as text; with `follow` until it ends."""
        job_id = await self.known_id(request)
        follow = yes_or_no(request.query_params.get("follow"), "follow")
        return followed_answer(request, followed_log(self.jobs, job_id, follow=follow), "text/plain")

    async def metrics(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/metrics`: each metric's series, as pages of JSON or, by Accept, as CSV."""
        job_id = await self.known_id(request)
        query = request.query_params
        limit = number_in(query, "limit", MAX_POINTS, 1, MAX_POINTS)
        after = cursor_in(query) or 0
        form = one_of(query.get("format"), "format", ("csv", "json"))
        if form == "csv" or (form is None and "text/csv" in request.headers.get("accept", "")):
            return followed_answer(request, metrics_table(self.jobs.store, job_id, after), "text/csv")
        async with self.listings.turn:
            body = await self.jobs.store.metrics(job_id, metrics_page, after=after, limit=limit)
        await self.known_id(request)  # none may mean that the job was removed a moment ago: not found
        return Response(body, media_type="application/json")

    async def artifacts(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/artifacts/`: the files it kept."""
        job_id = await self.known_id(request)
        files = dict(await asyncio.to_thread(self.jobs.folders.list_artifacts, job_id))
        for file in await self.jobs.shared.listed(job_id):
            part, _, name = file.path.partition("/")
            if part == ARTIFACTS:
                files.setdefault(name, file.size)
        if not files:
            await self.known_id(request)
        place = f"{self.base_path}/v2/jobs/{job_id}/artifacts"
        listed = [Artifact(name, size, f"{place}/{quote(name)}") for name, size in sorted(files.items())]
        return json_response(Artifacts(listed))

    async def artifact(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/artifacts/{name}`: one file, downloaded, never shown as a page."""
        job_id = await self.known_id(request)
        name = request.path_params["name"]
        if yes_or_no(request.query_params.get("redirect"), "redirect") and request.method == "GET":
            link = await self.jobs.link(job_id, f"{ARTIFACTS}/{name}")
            if link is not None:
                return Response(status_code=307, headers={"location": link, **OF_LINK})
        path = await asyncio.to_thread(self.jobs.folders.artifact, job_id, name)
        if path is not None:
            await self.jobs.shared.used(job_id, f"{ARTIFACTS}/{name}")
        elif self.jobs.shared.are_on:
            await self.jobs.shared.bring(job_id, f"{ARTIFACTS}/{name}")
            path = await asyncio.to_thread(self.jobs.folders.artifact, job_id, name)
        if path is None:
            raise Problem(404, f"the job has no artifact {name[:100]!r}")
        return JobFile(path, filename=name.rpartition("/")[2], headers=dict(guards_of("")))

    async def result(self, request: Request) -> Response:
        """`GET /v2/jobs/{job}/result`: what it returned, with the media type of a prediction."""
        job = await self.find(request)
        await self.jobs.bring_result(job)
        return self.result_of(job)

    def result_of(self, job: Job) -> Response:
        """A finished job's result. Raises `Problem` 409 for a job that has none."""
        outcome = job.outcome
        if job.state is not State.SUCCEEDED or outcome is None:
            if job.state not in ENDED:
                raise Problem(409, f"the job is {job.state}; it has no result yet", [("Retry-After", "1")])
            why = f": {outcome.error}" if outcome is not None and outcome.error else ""
            raise Problem(409, f"the job is {job.state} and has no result{why}")
        media_type = outcome.result_type or "application/json"
        headers = {"content-disposition": outcome.result_name} if outcome.result_name else {}
        headers |= guards_of(media_type)
        if outcome.result_file:
            path = self.jobs.folders.of(job.id) / outcome.result_file
            return JobFile(path, media_type=media_type, headers=headers)
        return Response(outcome.result, media_type=media_type, headers=headers)


def _no_job(job_id: str) -> Problem:
    return Problem(404, f"there is no job {job_id[:64]!r}; it never was, or is too old to be kept")
