"""Predictions by a version that the path names, loaded on demand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from modelport.api.calls import CallHandler
from modelport.api.event_source import answer_get
from modelport.api.job_answers import JobAnswers
from modelport.api.job_submission import OF_VERSION
from modelport.api.preferences import preferences
from modelport.engine.ports import Engine, Pool
from modelport.http.asgi import Receive, Scope, Send, header
from modelport.problems import Problem
from modelport.runs.service import RunService

AtRoot = Callable[[Scope, Receive, Send, Pool], Awaitable[None]]


@contextlib.asynccontextmanager
async def version_in_use(engine: Engine, runs: RunService, model: str, version: int) -> AsyncGenerator[Pool]:
    """The workers of a version, loaded if need be, and kept as long as this lasts.

    Raises `RunError`, and `Problem` 504 if they are not there in the time of a prediction.
    """
    timeout = engine.pools[model].settings.timeout or None
    try:
        async with asyncio.timeout(timeout) as deadline:
            async with runs.versions.use(model, version) as pool:
                deadline.reschedule(None)  # from here on the call has a deadline of its own
                yield pool
    except TimeoutError:
        raise Problem(504, f"version {version} of {model!r} is still loading; try again later") from None


class RunPredictions:
    """Answers predictions by versions. One for the application; `at_root` answers in the root's dialect."""

    def __init__(self, runs: RunService, calls: CallHandler, jobs: JobAnswers, at_root: AtRoot):
        self.runs = runs
        self.calls = calls
        self.jobs = jobs
        self.at_root = at_root

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, model: str, version: int, *, at_root: bool = False
    ) -> None:
        """Answer a prediction by a version. Raises `Problem` and `RunError` before anything is sent."""
        self.calls.check_predictions_allowed()
        async with version_in_use(self.calls.engine, self.runs, model, version) as pool:
            await self._answer(scope, receive, send, pool, at_root=at_root)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, pool: Pool, *, at_root: bool) -> None:
        if at_root:
            await self.at_root(scope, receive, send, pool)
            return
        if scope["method"] == "GET":
            await answer_get(self.calls, scope, receive, send, pool)
            return
        prefer = preferences(header(scope, b"prefer"))
        if prefer:
            await self.jobs.predict(scope, receive, send, pool, prefer, OF_VERSION)
        else:
            await self.jobs.predict_at_once(scope, receive, send, pool)
