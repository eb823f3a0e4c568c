"""Inferences: requests with tensors on their way to a model and back, and what is refused in between."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated, json_response
from modelport.api.calls import CallHandler
from modelport.api.dialect_calls import DialectCalls, Given
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints.row import ReadBody
from modelport.api.named_models import asked_pool
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.contract.calls import Call
from modelport.dialects.oip.bodies import HEADER_LENGTH, InferRequest
from modelport.dialects.oip.configured import configuration_of
from modelport.dialects.oip.deadlines import asked_seconds, has_own_timeout
from modelport.engine.ports import Pool
from modelport.problems import Problem
from modelport.runs.service import RunService

DIALECT = "oip"


def _reads(content_type: str) -> bool:
    """Whatever a body is said to be, it is JSON, but for forms, which are refused by the long way."""
    return not content_type.lower().startswith("multipart/")


def _asked_seconds(pool: Pool, call: Call) -> float | None:
    """How long a client waits, unless a model has an argument of that name."""
    return None if has_own_timeout(pool.signature) else asked_seconds(call)


class Inference:
    """Answers them. One for the application; it keeps no state of a request.

    `client_memory` is the file that lists the shared memory of clients, where that may be used.
    """

    def __init__(self, calls: CallHandler, runs: RunService, client_memory: str):
        self._client_memory = client_memory
        given = Given((HEADER_LENGTH,), _asked_seconds, client_memory)
        self.calls = DialectCalls(calls, runs, DIALECT, INFERENCE_ERROR, given)

    def direct(self, paths: dict[str, str], route: str) -> DirectDialect:
        """Inferences by the shortest way, whether their tensors are JSON or bytes."""
        return DirectDialect(
            paths, self.calls.calls.engine.route, _reads, self.calls.respond, name=DIALECT, collects=True,
            route=route, handed_on=frozenset({HEADER_LENGTH.encode()}), tells_version=True,
            asked_seconds=_asked_seconds, client_memory=self._client_memory, shares_bodies=True,
        )  # fmt: skip

    async def configuration(self, request: Request) -> Response:
        """`GET …/config` of a model, or of a version: where that is not loaded, as the live one says it."""
        with self.calls.told():
            engine, runs = self.calls.calls.engine, self.calls.runs
            pool = asked_pool(engine, request)
            if "version" in request.path_params:
                version = await self.calls.version(request, pool.name)
                await runs.check_version(pool.name, version)
                pool = runs.versions.loaded_pool(pool.name, version) or pool
            if pool.signature is None:
                raise Problem(503, f"the model {pool.name!r} is {pool.state}", [("Retry-After", "1")])
            return json_response(configuration_of(pool.name, pool.signature, pool.workers_wanted))

    async def infer(self, request: Request, sent: ReadBody[InferRequest]) -> Response:
        """Inferences that are not taken before: of unknown models, of a server that makes none.

        A body may be bytes for the most part, so it is read in the worker.
        """
        with self.calls.told():
            return Delegated(partial(self.calls.live, model=self.calls.pool(request).name))

    async def infer_version(self, request: Request, sent: ReadBody[InferRequest]) -> Response:
        """`POST …/versions/{version}/infer`: by this version, whatever is live."""
        with self.calls.told():
            model = self.calls.pool(request).name
            version = await self.calls.version(request, model)
            return Delegated(partial(self.calls.by_version, model=model, version=version))
