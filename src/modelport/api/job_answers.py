"""The answers to requests that become jobs: DEEPaaS's to a training, 202 or the result to a prediction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from modelport.api.asgi import Receive, Scope, Send
from modelport.api.bodies import ClientLeft
from modelport.api.calls import CallHandler, refused_problem
from modelport.api.job_bodies import training_body
from modelport.api.job_routes import JobRoutes
from modelport.api.job_submission import JobSubmission, NotBound
from modelport.api.preferences import Preferences
from modelport.api.problems import PROBLEM_JSON, Problem, problem_body, send_problem
from modelport.api.training import json_response
from modelport.engine.pool import ModelPool, Refused
from modelport.jobs import failpoints
from modelport.jobs.records import Job
from modelport.jobs.states import ENDED, State
from modelport.jobs.store import StoreError
from modelport.jobs.views import job_body

log = logging.getLogger("modelport.api")

POLL_SECONDS = 1.0  # how soon what another server wrote is seen


class JobAnswers:
    """Answers requests that become jobs. One for the application; it keeps no state of a request."""

    def __init__(self, submission: JobSubmission, routes: JobRoutes, calls: CallHandler, base_path: str):
        self.submission = submission
        self.routes = routes
        self.calls = calls
        self.base_path = base_path

    async def train(self, scope: Scope, receive: Receive, send: Send, pool: ModelPool, verb: str) -> None:
        """Answer a POST to `train/` or `validate/`, as DEEPaaS does, once the job is durable."""

        async def answer(job: Job) -> Response:
            return json_response(training_body(job), {"location": self._place(job)})

        await self._answer(scope, receive, send, pool, verb, answer)

    async def predict(
        self, scope: Scope, receive: Receive, send: Send, pool: ModelPool, prefer: Preferences
    ) -> None:
        """Answer a prediction that its client would wait for so long, or not at all."""

        async def answer(job: Job) -> Response:
            ended = await self._wait(job, prefer.wait) if prefer.wait is not None else job
            if ended.state in ENDED:
                response = self._result(ended)
                applied = prefer.applied(accepted=False)
                if applied:
                    response.headers["preference-applied"] = applied
                response.headers["content-location"] = f"{self._place(ended)}/result"
                return response
            headers = {"location": self._place(job), "preference-applied": prefer.applied(accepted=True)}
            return JSONResponse(job_body(ended, self.base_path), 202, headers)

        await self._answer(scope, receive, send, pool, "predict", answer)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        pool: ModelPool,
        verb: str,
        answer: Callable[[Job], Any],
    ) -> None:
        request_id = self.calls.engine.request_id(self.calls.engine.next_id())
        try:
            job, _ = await self.submission.submit(scope, receive, pool, verb)
            failpoints.reach("reply.before")
            response: Response = await answer(job)
            response.headers["x-request-id"] = request_id
            await response(scope, receive, send)
        except NotBound as refused:
            await self.calls.respond(send, pool, None, refused.answer)
        except Refused as refused:
            await send_problem(send, refused_problem(refused), request_id)
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

    async def _wait(self, job: Job, seconds: float) -> Job:
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
                await _set_within(changed, min(left, POLL_SECONDS))

    def _result(self, job: Job) -> Response:
        """What the prediction would have answered at once."""
        outcome = job.outcome
        if job.state is State.SUCCEEDED or outcome is None:
            return self.routes.result_of(job)
        if outcome.result and outcome.result_type:
            return Response(outcome.result, outcome.status, media_type=outcome.result_type)
        status = outcome.status if outcome.status >= 500 or job.state is State.FAILED else 503
        body = problem_body(status, outcome.error or f"the job is {job.state}", job.id)
        return Response(body, status, media_type=PROBLEM_JSON.decode())


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def store_problem(error: StoreError) -> Problem:
    """The answer when the store cannot do its work now."""
    retry = {503: [("Retry-After", "5")], 507: [("Retry-After", "30")]}
    return Problem(error.status, str(error), retry.get(error.status, []))
