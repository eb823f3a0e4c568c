"""Making another version live: loaded beside the old one, warmed, checked, then swapped in one step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from modelport.engine.ports import Engine, Pool, PoolState
from modelport.runs.checks import Limits, check_set, compare, regressions, warnings
from modelport.runs.errors import RunError
from modelport.runs.live_traffic import traffic_of
from modelport.runs.records import Promotion
from modelport.runs.store import LIVE, AliasMoved, RunStore
from modelport.runs.versions import Versions
from modelport.storage import failpoints
from modelport.storage.errors import StoreError

log = logging.getLogger("modelport.runs")

MAX_HISTORY = 1000  # promotions that are looked through for the way back
PROMOTION, ROLLBACK = "promotion", "rollback"


class PromotionRequest(NamedTuple):
    """How a version is to become live. `refuse` says that a regression keeps it from that."""

    version: int
    refuse: bool = True
    limits: Limits = Limits()
    kind: str = PROMOTION


class Promotions:
    """Moves the alias `live`, one move of a model at a time. One for a server."""

    def __init__(
        self,
        engine: Engine,
        store: RunStore,
        versions: Versions,
        moved: Callable[[str], Awaitable[None]],
    ):
        self.engine = engine
        self._moved = moved  # told of each model of which another version has become live
        self.store = store
        self.versions = versions
        self._moving: dict[str, asyncio.Task[dict[str, Any]]] = {}

    async def promote(self, model: str, asked: PromotionRequest) -> dict[str, Any]:
        """Make a version live; returns what was done and found.

        It goes on when its caller is cancelled. Raises `RunError` if the version cannot be loaded, is worse
        than the live one where that is refused, or another promotion is under way; and the store's errors.
        """
        if model in self._moving:
            raise RunError(409, f"another version of {model!r} is becoming live; wait until that is done")
        task = asyncio.create_task(self._promote(model, asked))
        self._moving[model] = task
        task.add_done_callback(lambda _: self._moving.pop(model, None))
        return await asyncio.shield(task)

    def is_moving(self, model: str) -> bool:
        """True while a version of a model becomes live."""
        return model in self._moving

    async def roll_back(self, model: str) -> dict[str, Any]:
        """Make the version live that was so before the last promotion, without checks. Raises `RunError`."""
        way_back = way_back_of(await self.store.promotions(model, MAX_HISTORY))
        if way_back is None:
            raise RunError(409, f"no other version of {model!r} was live before this one")
        return await self.promote(model, PromotionRequest(way_back, refuse=False, kind=ROLLBACK))

    async def stop(self) -> None:
        """Give up what is under way: the old version stays live."""
        moving = list(self._moving.values())
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)

    async def _promote(self, model: str, asked: PromotionRequest) -> dict[str, Any]:
        before = self.engine.pools[model].version
        async with self.versions.pinned(model, asked.version) as pool:
            if pool is self.engine.pools[model] and await self._is_live(model, asked.version):
                return {"model": model, "version": asked.version, "before": before, "changed": False}
            await pool.grow()
            if pool.state is PoolState.FAILED:  # it was idle, and cannot be loaded any more
                raise RunError(503, f"version {asked.version} of {model!r} could not be loaded")
            report = await self._checked(model, pool, asked)
            failpoints.reach("promotion.checked")
            before = await self._move(model, pool, asked, report)
        return {"model": model, "version": asked.version, "before": before, "changed": True, **report}

    async def _is_live(self, model: str, version: int) -> bool:
        alias = (await self.store.aliases(model)).get(LIVE)
        return alias is not None and alias.version == version

    async def _checked(self, model: str, pool: Pool, asked: PromotionRequest) -> dict[str, Any]:
        """What the checks found. Raises `RunError` if that keeps the version from becoming live."""
        live = self.engine.pools[model]
        comparable = pool is not live and live.state.answers
        if asked.kind == ROLLBACK or not comparable or pool.signature is None:
            is_unchecked = asked.kind != ROLLBACK and pool is not live
            said = warnings(None, pool.signature, asked.limits) if is_unchecked else []
            for words in said:
                log.warning("%s: version %d: %s", model, asked.version, words)
            return {"kind": asked.kind, "checks": None, "regressions": [], "warnings": said}
        seen = traffic_of(live)
        recent = () if seen is None else seen.recent
        calls = check_set(pool.signature, list(recent))
        checks = await compare(live, pool, calls, self.engine.next_id)
        found = regressions(checks, asked.limits)
        said = warnings(checks, pool.signature, asked.limits)
        report: dict[str, Any] = {
            "kind": asked.kind, "checks": checks, "regressions": found, "warnings": said
        }  # fmt: skip
        for words in found + said:
            log.warning("%s: version %d: %s", model, asked.version, words)
        if found and asked.refuse:
            raise RunError(
                409,
                f"version {asked.version} of {model!r} is worse than {live.version}, which stays live: "
                f"{'; '.join(found)}. To make it live all the same, say on_regression: warn",
                report=report,
            )
        return report

    async def _move(self, model: str, pool: Pool, asked: PromotionRequest, report: dict[str, Any]) -> int:
        """Make the version live; returns the one before it."""
        alias = (await self.store.aliases(model)).get(LIVE)
        known = None if alias is None else alias.version
        # Not what this server answers with: it may have just started, or not yet follow another server.
        before = self.engine.pools[model].version if known is None else known
        said = Promotion(number=0, kind=asked.kind, before=before, after=asked.version, at=0.0, report=report)
        try:
            await self.store.set_alias(model, LIVE, asked.version, before=known, promotion=said)
        except AliasMoved as moved:
            raise RunError(409, str(moved)) from moved
        except StoreError:
            if not await self._was_moved(model, asked.version):
                raise
        failpoints.reach("promotion.stored")
        if self.engine.pools[model] is not pool:
            self.versions.make_live(pool)
        failpoints.reach("promotion.swapped")
        await self._moved(model)
        log.info("%s: version %d is live, after version %d", model, asked.version, before)
        return before

    async def _was_moved(self, model: str, version: int) -> bool:
        """True if a commit whose answer was lost has been made."""
        try:
            return await self._is_live(model, version)
        except StoreError:
            return False


def way_back_of(promotions: list[Promotion]) -> int | None:
    """The version that a rollback leads to, by all promotions, the newest first; `None` if there is none."""
    stack: list[int] = []
    for promotion in reversed(promotions):
        if not stack or stack[-1] != promotion.before:
            stack.append(promotion.before)
        if promotion.kind == ROLLBACK and len(stack) > 1 and stack[-2] == promotion.after:
            stack.pop()
        elif stack[-1] != promotion.after:  # else it was live already, and has only been confirmed
            stack.append(promotion.after)
    return stack[-2] if len(stack) > 1 else None
