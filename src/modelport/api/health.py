"""Probes: is the server alive, and can it answer for every model?"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelport.api.v2 import find_pool
from modelport.engine.ports import Engine, Pool, PoolState


class Health:
    """The handlers of the probes."""

    def __init__(self, engine: Engine):
        self.engine = engine

    async def live(self, request: Request) -> Response:
        """`GET /v2/health/live` (Open Inference Protocol): 200 from the first moment."""
        return JSONResponse({"live": True})

    async def health(self, request: Request) -> Response:
        """`GET /health`: the server is not frozen. mlup's page and its clients have a key each."""
        return JSONResponse({"status_code": 200, "status": 200})

    async def ready(self, request: Request) -> Response:
        """`GET /v2/health/ready`: 200 if every model answers, else 503; either way it says which do."""
        ready = self.engine.ready() and not self.engine.draining
        models = {name: _state(pool) for name, pool in self.engine.pools.items()}
        body: dict[str, Any] = {"ready": ready, "models": models}
        if self.engine.draining:
            body["draining"] = True
        return JSONResponse(body, 200 if ready else 503)

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/{model}/ready` (Open Inference Protocol)."""
        pool = find_pool(self.engine, request.path_params["model"])
        ready = pool.state is PoolState.READY and not self.engine.draining
        return JSONResponse({"name": pool.name, "ready": ready}, 200 if ready else 503)


def _state(pool: Pool) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": pool.state}
    if pool.error:
        shown["error"] = pool.error
    if pool.ready_seconds is not None:
        shown["seconds_to_ready"] = round(pool.ready_seconds, 3)
        shown["workers_ready"] = pool.workers_ready
        shown["restarts"] = pool.restarts
    return shown
