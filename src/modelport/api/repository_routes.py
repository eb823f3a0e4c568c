"""The model repository: what is in memory, loading and unloading.

Source: the model repository extension of the Open Inference Protocol. Errors have its `error` beside ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.dialect_calls import told_in
from modelport.api.endpoints.row import ReadBody
from modelport.api.named_models import asked_pool
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.api.resources.repository import (
    LoadRequest,
    RepositoryModel,
    RepositoryQuestion,
    RepositoryState,
    UnloadRequest,
)
from modelport.engine.ports import Pool, PoolState
from modelport.identity.principals import AccessScope
from modelport.problems import Problem
from modelport.runs.repository import Repository

STATES: dict[PoolState, RepositoryState] = {
    PoolState.READY: "READY",
    PoolState.IDLE: "READY",
    PoolState.WAKING: "READY",
    PoolState.UNLOADING: "UNLOADING",
    PoolState.UNLOADED: "UNAVAILABLE",
    PoolState.FAILED: "UNAVAILABLE",
    PoolState.STOPPED: "UNAVAILABLE",
}


class RepositoryRoutes:
    """The handlers, one method a resource."""

    def __init__(self, repository: Repository):
        self.repository = repository

    async def index(self, request: Request, sent: ReadBody[RepositoryQuestion]) -> Response:
        """`POST /v2/repository/index`: every model, and each of its versions that is in memory."""
        with told_in(INFERENCE_ERROR):
            asked = await sent()
        asks = principal_of(request.scope)
        models = [name for name in self.repository.engine.pools if asks.may(AccessScope.READ, name)]
        found = [_listed(pool) for model in models for pool in self.repository.pools(model)]
        return json_response([one for one in found if one.state == "READY" or not asked.ready])

    async def load(self, request: Request, sent: ReadBody[LoadRequest]) -> Response:
        """`POST /v2/repository/models/{model}/load`."""
        with told_in(INFERENCE_ERROR):
            model = self._model(request)
            refuse_parameters((await sent()).parameters)
            await self.repository.load(model)
        return self._answer(model)

    async def unload(self, request: Request, sent: ReadBody[UnloadRequest]) -> Response:
        """`POST /v2/repository/models/{model}/unload`."""
        with told_in(INFERENCE_ERROR):
            model = self._model(request)
            parameters = (await sent()).parameters
            if parameters.pop("unload_dependents", False) is not False:
                raise Problem(
                    422, "unload_dependents: no model here is part of another; unload each by its name"
                )
            refuse_parameters(parameters)
            await self.repository.unload(model)
        return self._answer(model)

    def _model(self, request: Request) -> str:
        return asked_pool(self.repository.engine, request).name

    def _answer(self, model: str) -> Response:
        return json_response(_listed(self.repository.engine.pools[model]))


def refuse_parameters(names: Iterable[str]) -> None:
    """Raise `Problem` 422 for parameters that nobody here could follow."""
    for name in names:
        what = "files cannot be sent" if name.startswith("file:") else "it is nothing that could be done here"
        if name == "config":
            what = "a model's configuration cannot be sent; it is in the settings of the server"
        raise Problem(422, f"parameters: {name[:100]!r}: {what}; leave it out")


def _listed(pool: Pool) -> RepositoryModel:
    reasons = {PoolState.FAILED: pool.error, PoolState.READY: ""}
    state = STATES.get(pool.state, "LOADING")
    return RepositoryModel(pool.name, str(pool.version), state, reasons.get(pool.state, pool.state.value))
