"""Probes: is the server alive, and can it answer for every model?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.named_models import find_pool
from modelport.api.resources.server import Live, ModelReady, ModelState, Ready
from modelport.engine.ports import Engine, Pool


class Health:
    """The handlers of the probes."""

    def __init__(self, engine: Engine):
        self.engine = engine

    async def live(self, request: Request) -> Response:
        """`GET /v2/health/live` (Open Inference Protocol): 200 from the first moment."""
        return json_response(Live(live=True))

    async def ready(self, request: Request) -> Response:
        """`GET /v2/health/ready`: 200 if every model answers, else 503; either way it says which do."""
        ready = self.engine.ready() and not self.engine.draining
        models = {name: _state(pool) for name, pool in self.engine.pools.items()}
        body = Ready(ready, models, draining=self.engine.draining)
        return json_response(body, status=200 if ready else 503)

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/{model}/ready` (Open Inference Protocol)."""
        pool = find_pool(self.engine, request.path_params["model"])
        ready = pool.state.answers and not self.engine.draining
        return json_response(ModelReady(pool.name, ready), status=200 if ready else 503)


def _state(pool: Pool) -> ModelState:
    if pool.ready_seconds is None:
        return ModelState(pool.state, pool.error)
    return ModelState(
        pool.state,
        pool.error,
        round(pool.ready_seconds, 3),
        pool.workers_ready,
        pool.restarts,
        reload_error=pool.reload_error,
        memory_replacements=pool.memory_replacements,
    )
