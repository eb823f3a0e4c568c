"""Inferences: requests with tensors on their way to a model and back, and what is refused in between."""

from __future__ import annotations

import asyncio
import json
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.calls import CallHandler, Ends
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints.row import ReadBody
from modelport.api.exchanges import request_number
from modelport.api.named_models import find_pool
from modelport.api.refusal_form import RefusalForm
from modelport.api.runs.run_routes import problem_of
from modelport.contract.calls import Answer, Call
from modelport.contract.signature import JSON
from modelport.dialects.oip.bodies import HEADER_LENGTH, InferRequest
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.service import RunService

DIALECT = "oip"
OFF = "predictions are switched off on this server"


def _error(problem: Problem, request_id: str, own_id: str) -> bytes:
    return json.dumps({"error": problem.detail}, ensure_ascii=False).encode()


FORM = RefusalForm(JSON, _error)


def _reads(content_type: str) -> bool:
    """Whatever a body is said to be, it is JSON, but for forms, which are refused by the long way."""
    return not content_type.lower().startswith("multipart/")


class Inference:
    """Answers them. One for the application; it keeps no state of a request."""

    def __init__(self, calls: CallHandler, runs: RunService):
        self._calls = calls
        self._runs = runs

    def direct(self, paths: dict[str, str], route: str) -> DirectDialect:
        """Inferences by the shortest way, whether their tensors are JSON or bytes."""
        return DirectDialect(
            paths, self._calls.engine.route, _reads, self._respond_late, name=DIALECT, collects=True,
            route=route, handed_on=frozenset({HEADER_LENGTH.encode()}), tells_version=True,
        )  # fmt: skip

    async def _respond_late(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        await self._respond(send, pool, pending, answer)

    async def infer_now(self, scope: Scope, receive: Receive, send: Send, model: str) -> None:
        """Answer a POST for a model that there is. Raises nothing."""
        await self._answer(scope, receive, send, self._calls.engine.route(model))

    async def infer(self, request: Request, sent: ReadBody[InferRequest]) -> Response:
        """Inferences that are not taken before: of unknown models, of a server that makes none.

        A body may be bytes for the most part, so it is read in the worker.
        """
        pool = self._pool(request)
        return Delegated(partial(self._answer, pool=self._calls.engine.route(pool.name)))

    async def infer_version(self, request: Request, sent: ReadBody[InferRequest]) -> Response:
        """`POST …/versions/{version}/infer`: by this version, whatever is live."""
        pool = self._pool(request)
        try:
            version = await self._runs.resolve(pool.name, request.path_params["version"])
        except RunError as error:
            raise _with_error(problem_of(error)) from None
        return Delegated(partial(self._by_version, model=pool.name, version=version))

    def _pool(self, request: Request) -> Pool:
        try:
            pool = find_pool(self._calls.engine, request.path_params["model"])
        except Problem as problem:
            raise _with_error(problem) from None
        if not self._calls.settings.predict_endpoint:
            raise _with_error(Problem(402, OFF))
        return pool

    async def _by_version(self, scope: Scope, receive: Receive, send: Send, model: str, version: int) -> None:
        timeout = self._calls.engine.pools[model].settings.timeout or None
        try:
            async with asyncio.timeout(timeout) as deadline:
                async with self._runs.versions.use(model, version) as pool:
                    deadline.reschedule(None)  # from here on the call has a deadline of its own
                    await self._answer(scope, receive, send, pool)
        except TimeoutError:
            raise _with_error(
                Problem(504, f"version {version} of {model!r} is still loading; try again later")
            ) from None
        except RunError as error:
            raise _with_error(problem_of(error)) from None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        engine = self._calls.engine
        call = Call(request_number(engine), dialect=DIALECT, collect=True, request_id=version_of(pool))

        async def respond(pending: Pending, answer: Answer) -> None:
            await self._respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await FORM.send(send, problem, engine.request_id(call.id))

        await self._calls.exchange(scope, receive, pool, call, Ends(respond, refuse, (HEADER_LENGTH,)))

    async def _respond(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        """Send an answer; a failure that no codec has put into words is said in those of the protocol."""
        if answer.problem:
            answer.problem = False
            answer.content_type = JSON
            answer.body = json.dumps({"error": answer.detail or answer.reason}).encode()
        await self._calls.respond(send, pool, pending, answer)


def version_of(pool: Pool) -> str:
    """The version that answers, in the words of the protocol; empty for the model as its source has it."""
    return str(pool.version) if pool.version else ""


def _with_error(problem: Problem) -> Problem:
    """A problem that says what is wrong under the name that the protocol has for it, too."""
    problem.extra |= {"error": problem.detail}
    return problem
