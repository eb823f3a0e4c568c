"""Probes: is the server alive, and can it answer for every model? If not, why not.

Anybody may ask. Where who asks must say who they are, strangers see how many models are in which state; which
they are see those who may use them, and reasons, which have paths and what a model's code said, who may read.
"""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.disk_space import DiskSpace
from modelport.api.named_models import asked_pool, told_names
from modelport.api.resources.server import Live, ModelReady, ModelState, Ready
from modelport.engine.ports import Engine, Pool, PoolState
from modelport.identity.principals import AccessScope, Principal
from modelport.jobs.views import utc
from modelport.siblings import Siblings
from modelport.storage.service import Storage

WAITS_FOR = {
    PoolState.WAITING: "the start of the server, which has not come to it yet",
    PoolState.LOADING: "its workers, which load it",
    PoolState.WARMING: "its warm-up",
    PoolState.WAKING: "its first worker, which loads it again",
    PoolState.UNLOADING: "the calls that it still runs",
    PoolState.FAILED: "a load by POST /v2/repository/models/{model}/load, or a restart",
}


READY, YES, NO = "ready", b"1", b"0"  # what server processes ask each other, and answer


class Health:
    """The handlers of the probes."""

    def __init__(self, engine: Engine, storage: Storage, siblings: Siblings | None = None):
        self.engine = engine
        self._storage = storage
        self._siblings = siblings
        if siblings is not None:
            siblings.answer(READY, self._tell_ready)
        self._disks = DiskSpace((storage.folder, engine.spool.root))

    async def live(self, request: Request) -> Response:
        """`GET /v2/health/live` (Open Inference Protocol): 200 from the first moment."""
        return json_response(Live(live=True))

    async def ready(self, request: Request) -> Response:
        """`GET /v2/health/ready`: 200 if every model answers, else 503; either way it says which do."""
        engine, principal = self.engine, principal_of(request.scope)
        ready = engine.ready() and not engine.draining
        others_wait = ready and not await self._are_others_ready()
        ready = ready and not others_wait
        models = {name: _state(engine.pools[name], principal) for name in told_names(engine, principal)}
        others = Counter(str(pool.state) for name, pool in engine.pools.items() if name not in models)
        body = Ready(ready, models, dict(others), draining=engine.draining)
        if principal.may_everywhere(AccessScope.READ):
            body.reasons = [] if ready else self._reasons()
            if others_wait:
                body.reasons.append("another process of the server is not ready")
            body.engine = engine.trouble
            body.database = self._storage.unavailable
            body.disk = await self._disks.problem()
        return json_response(body, status=200 if ready else 503)

    async def _tell_ready(self, _: bytes) -> bytes:
        return YES if self.engine.ready() and not self.engine.draining else NO

    async def _are_others_ready(self) -> bool:
        """Whether all processes of the server are ready, where there are several."""
        if self._siblings is None:
            return True
        told = await self._siblings.ask(READY)
        return not told.missing and all(one == YES for one in told.bodies)

    def _reasons(self) -> list[str]:
        """Why the server is not ready."""
        said = ["the server is stopping"] if self.engine.draining else []
        for name, pool in self.engine.pools.items():
            if pool.state is PoolState.FAILED:
                said.append(f"the model {name!r} has failed: {pool.error}")
            elif not (pool.state.answers or pool.state.is_unloaded):
                said.append(f"the model {name!r} waits for {WAITS_FOR.get(pool.state, 'nothing any more')}")
        return said

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/{model}/ready` (Open Inference Protocol)."""
        pool = asked_pool(self.engine, request)
        ready = can_answer(self.engine, pool)
        return json_response(ModelReady(pool.name, ready), status=200 if ready else 503)


def can_answer(engine: Engine, pool: Pool) -> bool:
    """Whether a model can answer now."""
    return pool.state.answers and not engine.draining


def _state(pool: Pool, principal: Principal) -> ModelState:
    if not principal.may(AccessScope.READ, pool.name):
        return ModelState(pool.state)
    found = ModelState(pool.state, pool.error)
    if pool.ready_seconds is not None:
        found.seconds_to_ready = round(pool.ready_seconds, 3)
        found.workers_ready = pool.workers_ready
        found.restarts = pool.restarts
        found.reload_error = pool.reload_error
        found.memory_replacements = pool.memory_replacements
    if pool.state is not PoolState.READY:
        found.since = utc(pool.state_since) or ""
        found.waits_for = WAITS_FOR.get(pool.state, "").replace("{model}", pool.name)
    return found
