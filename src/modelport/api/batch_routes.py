"""Batch jobs: one request with many rows, whose answers are one file."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.job_answers import JobAnswers
from modelport.api.named_models import asked_pool
from modelport.engine.ports import Engine


class BatchRoutes:
    """The handler of requests for batch jobs."""

    def __init__(self, engine: Engine, answers: JobAnswers):
        self._engine = engine
        self._answers = answers

    async def begin(self, request: Request) -> Response:
        """`POST …/predict/batch`: 202 with the job, once it and its rows are on the disk."""
        pool = asked_pool(self._engine, request)
        self._answers.calls.check_predictions_allowed()
        return Delegated(partial(self._answers.begin_batch, pool=pool))
