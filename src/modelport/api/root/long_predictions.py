"""Long predictions: `POST /predict` makes a durable job, and `GET /get-predict/{predict_id}` has its result.

A result is neither lost by a restart nor by having been read; it is kept for `ttl_predicted_data` seconds.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelport.api.bodies import ClientLeft
from modelport.api.calls import CallHandler
from modelport.api.credentials import principal_of
from modelport.api.exchanges import request_number
from modelport.api.job_answers import JobAnswers, store_problem
from modelport.api.job_files import JobFile
from modelport.api.job_submission import JobForm, JobSubmission, NotBound
from modelport.api.ownership import is_seen
from modelport.api.root.dialect import HEADER, QUEUE_FULL, TIMED_OUT, RootDialect
from modelport.api.strange_bytes import guards_of
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.jobs.records import Job
from modelport.jobs.states import ENDED, State
from modelport.problems import Problem
from modelport.storage.errors import StoreError

log = logging.getLogger("modelport.api")

# A result is waited for a little longer: mlup looks for it now and then only, so its clients do.
MOMENT = 0.3
CHECK_SECONDS = 0.3  # a client gets its id at once, though the workers are busy for long
VISIBLE = re.compile(r"[\x21-\x7e]{1,200}")  # what a header can repeat of what a client sent


class LongPredictions:
    """Predictions that outlive their request. One for the application; it keeps no state of a request."""

    def __init__(
        self, dialect: RootDialect, submission: JobSubmission, answers: JobAnswers, calls: CallHandler
    ):
        self.submission = submission
        self.answers = answers
        self.calls = calls
        self.settings = calls.settings
        self.dialect = dialect
        self._form = dialect.form()

    async def begin(
        self, scope: Scope, receive: Receive, send: Send, pool: Pool, predict_id: uuid.UUID
    ) -> None:
        """Answer a request to /predict with its id, once it is durable. Raises nothing."""
        name = str(predict_id)
        request_id = self.calls.engine.request_id(request_number(self.calls.engine))
        form = JobForm(self.dialect.name, predict_id, self.settings.ttl_predicted_data, CHECK_SECONDS)
        try:
            await self._check_room(pool)
            submitted = await self.submission.submit(scope, receive, pool, "predict", form)
            name = str(uuid.UUID(submitted.job.id))
            headers = {HEADER.decode(): name, "x-request-id": request_id}
            response = JSONResponse(self.dialect.begun(name), headers=headers)
            for field, value in submitted.warnings:
                response.headers.append(field, value)
            await response(scope, receive, send)
        except NotBound as refused:
            answer = self.dialect.shaped(refused.answer, name, hide=self.settings.hide_model_errors)
            await self.calls.respond(send, pool, None, answer)
        except ClientLeft:
            log.info("%s: the client left before its request was complete", request_id)
        except Exception as error:  # the request border
            problem = _problem(error)
            if problem.status == 500:
                log.exception("%s: the server failed", request_id)
            await self._form.send(send, problem, request_id, name)

    async def _check_room(self, pool: Pool) -> None:
        """Raise `Problem` if as many predictions wait as the queue holds."""
        most = pool.settings.queue_size
        store = self.submission.jobs.store
        if await store.count(pool.name, "predict", State.QUEUED, most) >= most:
            raise Problem(503, QUEUE_FULL, [("Retry-After", "1")], queue_full=True)

    async def get(self, request: Request) -> Response:
        """`GET /get-predict/{predict_id}`: the answer of a prediction, waited for, or 408."""
        given = request.path_params["predict_id"]
        if not self.settings.is_long_predict:
            raise Problem(
                404, "predictions are answered at once here; --is-long-predict lets them be fetched"
            )
        job_id = _job_id(given)
        job = await self.submission.jobs.store.get(job_id) if job_id else None
        is_one = job is not None and job.kind == "predict" and job.keep_seconds is not None
        if job is None or not is_one or not is_seen(job.requested_by, principal_of(request.scope)):
            return self._late(given)  # and none will ever be: nothing is waited for
        if job.state not in ENDED:
            job = await self.answers.wait(job, self.settings.ttl_client_wait + MOMENT)
        if job.state not in ENDED or _is_over(job):
            return self._late(given)
        await self.submission.jobs.bring_result(job)
        return self._result(job, given)

    def _result(self, job: Job, given: str) -> Response:
        """What /predict would have answered."""
        outcome = job.outcome
        if job.state is State.SUCCEEDED and outcome is not None:
            media_type = outcome.result_type or "application/json"
            headers = dict(guards_of(media_type))
            if outcome.result_file:
                path = self.submission.jobs.folders.of(job.id) / outcome.result_file
                if not path.is_file():  # somebody has removed it: what is gone is never ready
                    return self._late(given)
                return JobFile(path, media_type=media_type, headers=headers)
            return Response(outcome.result, 200, headers, media_type)
        status = outcome.status if outcome is not None and outcome.status >= 500 else 500
        if outcome is not None and outcome.result and job.state is State.FAILED:
            return Response(outcome.result, outcome.status, media_type=outcome.result_type)
        words = outcome.error if outcome is not None and outcome.error else f"the prediction is {job.state}"
        return Response(self.dialect.error_body(status, words, None), status, media_type="application/json")

    def _late(self, given: str) -> Response:
        headers = {HEADER.decode(): given} if VISIBLE.fullmatch(given) else {}
        body = self.dialect.error_body(408, TIMED_OUT, given)
        return Response(body, 408, headers, media_type="application/json")


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreError):
        return store_problem(error)
    if isinstance(error, OSError):
        return Problem(507, f"the prediction could not be stored: {error.strerror}")
    return Problem(500, "the server failed; its log says more")


def _job_id(predict_id: str) -> str:
    """The id of a prediction's job; empty for what is no id."""
    try:
        return uuid.UUID(predict_id).hex
    except ValueError:
        return ""


def _is_over(job: Job) -> bool:
    """True once the result has been kept for as long as it is."""
    assert job.keep_seconds is not None
    return job.finished_at is not None and time.time() > job.finished_at + job.keep_seconds
