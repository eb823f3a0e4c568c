"""A share of the calls for versions that are not live, and copies of them for one that is only watched."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import Any

from modelport.engine.local import LocalEngine
from modelport.engine.traffic import Shares
from modelport.runs.errors import RunError
from modelport.runs.live_traffic import LiveTraffic, Shadow
from modelport.runs.records import TrafficPlan
from modelport.runs.store import RunStore
from modelport.runs.versions import Versions

log = logging.getLogger("modelport.runs")

MAX_WEIGHTS = 10


class Canaries:
    """Keeps to the traffic plan of each model. One for a server."""

    def __init__(self, engine: LocalEngine, store: RunStore, versions: Versions):
        self.engine = engine
        self.store = store
        self.versions = versions
        self._plans: dict[str, TrafficPlan] = {}
        self._failed: dict[str, TrafficPlan] = {}  # the last plan of a model that could not be kept to
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # of each model

    async def set(self, model: str, plan: TrafficPlan) -> None:
        """Spread the calls to a model like this from now on, also after a restart.

        Raises `RunError` if a version cannot be loaded, and the store's errors.
        """
        self._check(model, plan)
        async with self._changing[model]:
            await self._apply(model, plan)
            await self.store.set_plan(model, plan if plan.weights or plan.shadow is not None else None)

    async def look(self, model: str) -> None:
        """Keep to what was said before the start, or another server was told meanwhile."""
        async with self._changing[model]:
            plan = await self.store.plan(model)
            if plan == self._plans.get(model) or (plan is not None and plan == self._failed.get(model)):
                return
            if plan is None:
                self._let_go(model)
                self.follow(model)
                return
            try:
                await self._apply(model, plan)
            except RunError as error:
                self._failed[model] = plan
                log.error("%s: all calls go to the live version: %s", model, error.detail)

    def _check(self, model: str, plan: TrafficPlan) -> None:
        if len(plan.weights) > MAX_WEIGHTS:
            raise RunError(422, f"weights: at most {MAX_WEIGHTS} versions can have a share")
        total = sum(plan.weights.values())
        if any(not 0 < weight <= 1 for weight in plan.weights.values()) or total > 1 + 1e-9:
            raise RunError(422, "weights: each must be above 0 and at most 1, and all together at most 1")
        wanted = {int(version) for version in plan.weights} | {plan.shadow} - {None}
        room = self.engine.settings.loaded_versions
        if len(wanted - {self.engine.pools[model].version}) > room:
            raise RunError(422, f"only {room} versions can be loaded beside the live one (loaded_versions)")

    async def _apply(self, model: str, plan: TrafficPlan) -> None:
        """Load what the plan names, keep it loaded, and let go of what an earlier one named."""
        wanted = [int(version) for version in plan.weights]
        named = [*wanted, *([plan.shadow] if plan.shadow is not None else [])]
        pinned: list[int] = []
        try:
            for version in named:
                self.versions.pin(model, version)
                pinned.append(version)
                async with self.versions.use(model, version) as pool:
                    await pool.grow()
        except BaseException:
            for version in pinned:
                self.versions.unpin(model, version)
            raise
        self._let_go(model)
        self._plans[model] = plan
        self.follow(model)

    def follow(self, model: str) -> None:
        """Route by the plan: what is live has changed, or the plan has."""
        plan = self._plans.get(model)
        live = self.engine.pools[model]
        self.engine.shares.pop(model, None)
        tap = live.tap
        if isinstance(tap, LiveTraffic):
            tap.shadow = None
        if plan is None:
            return
        shares = [
            (self.engine.versions[model, int(version)], weight)
            for version, weight in plan.weights.items()
            if (model, int(version)) in self.engine.versions
        ]
        if shares:
            self.engine.shares[model] = Shares(shares)
        copied = None if plan.shadow is None else self.engine.versions.get((model, plan.shadow))
        if copied is not None and isinstance(tap, LiveTraffic):
            tap.shadow = Shadow(copied, self.engine.next_id)

    def _let_go(self, model: str) -> None:
        old = self._plans.pop(model, None)
        if old is not None:
            for version in [*map(int, old.weights), *([old.shadow] if old.shadow is not None else [])]:
                self.versions.unpin(model, version)

    async def end(self, model: str, version: int) -> None:
        """A version has become live: it needs no share any more, and the plan that gave it one is over."""
        self.follow(model)
        async with self._changing[model]:
            plan = self._plans.get(model)
            if plan is not None and (str(version) in plan.weights or plan.shadow == version):
                self._let_go(model)
                self.follow(model)
                await self.store.set_plan(model, None)

    def body(self, model: str) -> dict[str, Any]:
        """How the calls to a model are spread now, and what came of the copies."""
        plan = self._plans.get(model, TrafficPlan())
        live = self.engine.pools[model]
        tap = live.tap
        shadow = tap.shadow if isinstance(tap, LiveTraffic) else None
        return {
            "live": live.version,
            "weights": plan.weights,
            "shadow": plan.shadow,
            "compared": None if shadow is None else shadow.counts(),
        }
