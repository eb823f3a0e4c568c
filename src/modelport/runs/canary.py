"""A share of the calls for versions that are not live, and copies of them for one that is only watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

from modelport.engine.ports import Engine
from modelport.engine.traffic import Shares
from modelport.runs.errors import RunError
from modelport.runs.live_traffic import Shadow, traffic_of
from modelport.runs.records import TrafficPlan
from modelport.runs.store import RunStore
from modelport.runs.versions import Versions

log = logging.getLogger("modelport.runs")

MAX_WEIGHTS = 10
RETRY_SECONDS = 60.0  # after which a plan is tried again that could not be kept to


class Canaries:
    """Keeps to the traffic plan of each model. One for a server."""

    def __init__(self, engine: Engine, store: RunStore, versions: Versions):
        self.engine = engine
        self.store = store
        self.versions = versions
        self._plans: dict[str, TrafficPlan] = {}
        # The last plan of a model that could not be kept to, and when to try it again.
        self._failed: dict[str, tuple[TrafficPlan, float]] = {}
        # Of each model: what is stored and what is kept to change together. Versions are loaded before.
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def set(self, model: str, plan: TrafficPlan) -> None:
        """Spread the calls to a model like this from now on, also after a restart.

        Raises `RunError` if a version cannot be loaded, and the store's errors; then nothing has changed.
        """
        self._check(model, plan)
        async with self._loaded(model, plan), self._changing[model]:
            await self.store.set_plan(model, plan)
            self._keep_to(model, plan)

    async def look(self, model: str) -> None:
        """Keep to what was said before the start, or another server was told meanwhile."""
        stored = await self.store.plan(model)
        plan = stored or TrafficPlan()
        if plan == self._plans.get(model, TrafficPlan()) or self._is_hopeless(model, plan):
            return
        try:
            async with self._loaded(model, plan):
                await self._keep_to_if(model, stored, plan)
        except RunError as error:
            self._failed[model] = plan, asyncio.get_running_loop().time() + RETRY_SECONDS
            await self._keep_to_if(model, stored, TrafficPlan())
            log.error("%s: all calls go to the live version: %s", model, error.detail)

    async def _keep_to_if(self, model: str, stored: TrafficPlan | None, plan: TrafficPlan) -> None:
        """Route by `plan`, unless another one than `stored` was set while versions were loaded."""
        async with self._changing[model]:
            if await self.store.plan(model) == stored:
                self._keep_to(model, plan)

    def _is_hopeless(self, model: str, plan: TrafficPlan) -> bool:
        """True if this plan could not be kept to a moment ago."""
        failed, again_at = self._failed.get(model, (None, 0.0))
        return plan == failed and asyncio.get_running_loop().time() < again_at

    def _check(self, model: str, plan: TrafficPlan) -> None:
        if len(plan.weights) > MAX_WEIGHTS:
            raise RunError(422, f"weights: at most {MAX_WEIGHTS} versions can have a share")
        total = sum(plan.weights.values())
        if any(not 0 < weight <= 1 for weight in plan.weights.values()) or total > 1 + 1e-9:
            raise RunError(422, "weights: each must be above 0 and at most 1, and all together at most 1")
        room = self.engine.settings.loaded_versions
        if len(set(plan.versions) - {self.engine.pools[model].version}) > room:
            raise RunError(422, f"only {room} versions can be loaded beside the live one (loaded_versions)")

    @contextlib.asynccontextmanager
    async def _loaded(self, model: str, plan: TrafficPlan) -> AsyncGenerator[None]:
        """Load what a plan names, and keep it loaded until the end."""
        with contextlib.ExitStack() as pins:
            for version in plan.versions:
                self.versions.pin(model, version)
                pins.callback(self.versions.unpin, model, version)
            for version in plan.versions:
                async with self.versions.use(model, version) as pool:
                    await pool.grow()
            yield

    def _keep_to(self, model: str, plan: TrafficPlan) -> None:
        """Route by this plan, whose versions are loaded, and let go of what an earlier one named."""
        for version in plan.versions:
            self.versions.pin(model, version)
        for version in self._plans.pop(model, TrafficPlan()).versions:
            self.versions.unpin(model, version)
        if plan.versions:
            self._plans[model] = plan
            self._failed.pop(model, None)
        self._route(model)

    def _route(self, model: str) -> None:
        """Route by the plan: what is live has changed, or the plan has."""
        plan = self._plans.get(model)
        live = self.engine.pools[model]
        self.engine.shares.pop(model, None)
        seen = traffic_of(live)
        if seen is not None:
            seen.shadow = None
        if plan is None:
            return
        loaded = [(self.versions.loaded_pool(model, int(v)), weight) for v, weight in plan.weights.items()]
        shares = [(pool, weight) for pool, weight in loaded if pool is not None]
        if shares:
            self.engine.shares[model] = Shares(shares)
        copied = None if plan.shadow is None else self.versions.loaded_pool(model, plan.shadow)
        if copied is not None and seen is not None:
            seen.shadow = Shadow(copied, self.engine.next_id)

    async def end(self, model: str, version: int) -> None:
        """A version has become live: it needs no share any more, and the plan that gave it one is over."""
        self._route(model)
        async with self._changing[model]:
            plan = self._plans.get(model)
            if plan is not None and version in plan.versions:
                self._keep_to(model, TrafficPlan())
                await self.store.end_plan(model, plan)

    def body(self, model: str) -> dict[str, Any]:
        """How the calls to a model are spread now, and what came of the copies."""
        plan = self._plans.get(model, TrafficPlan())
        live = self.engine.pools[model]
        seen = traffic_of(live)
        shadow = None if seen is None else seen.shadow
        return {
            "live": live.version,
            "weights": plan.weights,
            "shadow": plan.shadow,
            "compared": None if shadow is None else shadow.counts(),
        }
