"""The answers to requests that become jobs: what stands for a training, 202 or the result to a prediction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.bodies import ClientLeft
from modelport.api.calls import CallHandler
from modelport.api.exchanges import request_number
from modelport.api.job_fields import refuse_job_fields
from modelport.api.job_routes import JobRoutes
from modelport.api.job_submission import (
    BATCH,
    V2,
    JobForm,
    JobSubmission,
    NotBound,
    Submitted,
    asks_for_job,
)
from modelport.api.preferences import Preferences
from modelport.contract.signature import VerbName
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send, send_problem
from modelport.jobs.errors import QueueFull
from modelport.jobs.records import Job, Outcome
from modelport.jobs.states import ENDED, State
from modelport.jobs.views import job_view
from modelport.problems import PROBLEM_JSON, Problem, problem_body
from modelport.storage import failpoints
from modelport.storage.errors import StoreError

log = logging.getLogger("modelport.api")


class JobAnswers:
    """Answers requests that become jobs. One for the application; it keeps no state of a request."""

    def __init__(self, submission: JobSubmission, routes: JobRoutes, calls: CallHandler, base_path: str):
        self.submission = submission
        self.routes = routes
        self.calls = calls
        self.base_path = base_path

    async def begin(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        pool: Pool,
        verb: VerbName,
        body: Callable[[Job], Any],
    ) -> None:
        """Answer a request that is a job in any case, by the `body` of it, once the job is durable."""

        async def answer(job: Job, request_id: str) -> Response:
            return json_response(body(job), {"location": self._place(job)})

        submit = partial(self.submission.submit, scope, receive, pool, verb)
        await self._answer(scope, receive, send, pool, submit, answer)

    async def begin_batch(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        """Answer a request with rows by the job that predicts them, once it is durable."""

        async def answer(job: Job, request_id: str) -> Response:
            return json_response(job_view(job, self.base_path), {"location": self._place(job)}, 202)

        submit = partial(self.submission.submit, scope, receive, pool, "predict", BATCH)
        await self._answer(scope, receive, send, pool, submit, answer)

    async def predict(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        pool: Pool,
        prefer: Preferences,
        form: JobForm = V2,
    ) -> None:
        """Answer a prediction that its client would wait for so long, or not at all.

        A preference is only a preference (RFC 7240, 2): a server without a store answers at once, unless the
        request asks for more than a prediction.
        """
        if not self.submission.is_possible() and not asks_for_job(scope, pool):
            await self.calls.answer(scope, receive, send, pool, "predict")
            return

        async def answer(job: Job, request_id: str) -> Response:
            ended = await self.wait(job, prefer.wait) if prefer.wait is not None else job
            if ended.state in ENDED:
                await self.submission.jobs.bring_result(ended)
                response = self._result(ended, request_id)
                applied = prefer.applied(accepted=False)
                if applied:
                    response.headers["preference-applied"] = applied
                response.headers["content-location"] = f"{self._place(ended)}/result"
                return response
            headers = {"location": self._place(job), "preference-applied": prefer.applied(accepted=True)}
            return json_response(job_view(ended, self.base_path), headers, 202)

        submit = partial(self.submission.submit, scope, receive, pool, "predict", form)
        await self._answer(scope, receive, send, pool, submit, answer)

    async def predict_at_once(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        """Answer a prediction that is no job; one that asks for what only jobs have is refused."""
        try:
            refuse_job_fields(scope)
        except Problem as problem:
            await send_problem(send, problem, self.calls.engine.request_id(request_number(self.calls.engine)))
            return
        await self.calls.answer(scope, receive, send, pool, "predict")

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        pool: Pool,
        submit: Callable[[], Awaitable[Submitted]],
        answer: Callable[[Job, str], Awaitable[Response]],
    ) -> None:
        request_id = self.calls.engine.request_id(request_number(self.calls.engine))
        try:
            submitted = await submit()
            failpoints.reach("reply.before")
            response: Response = await answer(submitted.job, request_id)
            for name, value in submitted.warnings:
                response.headers.append(name, value)
            response.headers["x-request-id"] = request_id
            await response(scope, receive, send)
        except NotBound as refused:
            await self.calls.respond(send, pool, None, refused.answer)
        except Problem as problem:
            await send_problem(send, problem, request_id)
        except StoreError as error:
            await send_problem(send, store_problem(error), request_id)
        except OSError as error:
            log.exception("%s: a job could not be stored", request_id)
            await send_problem(
                send, Problem(507, f"the job could not be stored: {error.strerror}"), request_id
            )
        except ClientLeft:
            log.info("%s: the client left before its request was complete", request_id)

    def _place(self, job: Job) -> str:
        return f"{self.base_path}/v2/jobs/{job.id}"

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job once it has ended, or as it is after so many seconds or when the server stops."""
        store = self.submission.jobs.store
        deadline = asyncio.get_running_loop().time() + seconds
        async with store.subscribe(job.id) as changed:
            while True:
                changed.clear()
                job = await store.get(job.id) or job
                left = deadline - asyncio.get_running_loop().time()
                if job.state in ENDED or left <= 0 or self.submission.jobs.stopping:
                    return job
                await _set_within(changed, min(left, store.database.poll_seconds))

    def _result(self, job: Job, request_id: str) -> Response:
        """What the prediction would have answered at once."""
        outcome = job.outcome
        if job.state is State.SUCCEEDED or outcome is None:
            return self.routes.result_of(job)
        if outcome.result and outcome.result_type:
            return _Answer(outcome.result, outcome, outcome.status, outcome.result_type)
        status = outcome.status if outcome.status >= 500 or job.state is State.FAILED else 503
        error = outcome.error or f"the job is {job.state}"
        body = problem_body(status, error, request_id, outcome.reason)
        return _Answer(body, outcome, status, PROBLEM_JSON)


class _Answer(Response):
    """What a model refused with: also its headers, of which several may have one name, and its reason."""

    def __init__(self, body: bytes, outcome: Outcome, status: int, media_type: str):
        super().__init__(body, status)
        self._reason = outcome.reason
        latin = [
            (n.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace"))
            for n, v in outcome.headers
        ]
        # Here, not by Starlette, which adds a charset to some media types, as the direct answer does not.
        self.raw_headers += [(b"content-type", media_type.encode("latin-1", "replace")), *latin]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_reason(message: Any) -> None:
            if message["type"] == "http.response.start" and self._reason:
                message["reason"] = self._reason
            await send(message)

        await super().__call__(scope, receive, with_reason)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def store_problem(error: StoreError) -> Problem:
    """The answer when the store cannot do its work now."""
    retry = {429: [("Retry-After", "10")], 503: [("Retry-After", "5")], 507: [("Retry-After", "30")]}
    full = isinstance(error, QueueFull)
    return Problem(error.status, str(error), retry.get(error.status, []), queue_full=full)
