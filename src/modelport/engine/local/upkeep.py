"""What a pool looks after while nobody asks it to: how many workers it needs, their memory, its idleness.

One task a pool, and only for models that have a `memory_limit` or an `idle_unload`, or whose workers become
more with their calls; calls know nothing of it.

A worker that is found above its limit gets no more calls, and is measured again once those that it has are
answered: what a call takes for a while is its own. If that is still too much, or they take long, the worker
is replaced. One at twice the limit is killed at once, so that it does not take the machine with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from modelport.contract.signature import Signature
from modelport.engine.local.crew import Crew
from modelport.engine.local.scaling import calls_at_once
from modelport.engine.local.scheduler import Scheduler
from modelport.engine.local.worker_process import Worker
from modelport.engine.ports import PoolState
from modelport.engine.tally import Tally
from modelport.settings import Settings
from modelport.settings.written import seconds_of, size_of

log = logging.getLogger("modelport.engine")

LOOK_SECONDS = 0.25
AGAIN_SECONDS = 0.01  # while a worker gets no calls, since it has to be measured again
PATIENCE = 1.0  # for the calls of such a worker


class Kept(Protocol):
    """The pool, as its upkeep sees and changes it."""

    name: str
    state: PoolState
    memory_replacements: int
    scheduler: Scheduler
    signature: Signature | None
    tally: Tally

    @property
    def is_at_rest(self) -> bool: ...
    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    def go_idle(self) -> None: ...


class Upkeep:
    """Looks after one pool while it has workers; `begin` again when it has them again."""

    def __init__(self, pool: Kept, crew: Crew, settings: Settings):
        self._pool = pool
        self._crew = crew
        self._clock = asyncio.get_running_loop().time
        self._rested_since = 0.0
        self._paused: dict[Worker, float] = {}  # those that get no calls, and since when
        self._looking: asyncio.Task[None] | None = None
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Keep to the limits of these settings."""
        self._crew.scaling.use(settings)
        self.limit_text = settings.memory_limit
        has_processes = settings.workers > 0  # without them nothing can be measured, or given back
        self.limit = size_of(settings.memory_limit) if has_processes else 0
        self.idle_seconds = seconds_of(settings.idle_unload) if has_processes else 0.0

    def begin(self) -> None:
        """Look again and again, as long as the pool has workers; not for a model without such limits."""
        is_needed = bool(self.limit or self.idle_seconds or self._crew.scaling.is_needed)
        if is_needed and (self._looking is None or self._looking.done()):
            self._looking = self._pool.own(self._run())

    async def _run(self) -> None:
        self._rested_since = self._clock()
        while self._pool.state is not PoolState.IDLE and self._pool.state.may_have_workers:
            self._look()
            await asyncio.sleep(AGAIN_SECONDS if self._paused else LOOK_SECONDS)

    def why_too_large(self, worker: Worker) -> str:
        """Why a worker that has just loaded its model cannot be kept; nothing if it can."""
        size = worker.resident_bytes() if self.limit else 0
        if size <= self.limit:
            return ""
        return f"loaded, it takes {shown(size)}, and its memory_limit is {self.limit_text}: raise that"

    def _look(self) -> None:
        if self.limit:
            for worker in list(self._crew.workers):
                self._look_at(worker)
            for worker in [one for one in self._paused if one.lost]:
                del self._paused[worker]
        if self._crew.scaling.is_needed:
            self._scale()
        if self.idle_seconds:
            self._look_for_calls()

    def _scale(self) -> None:
        """Have more workers or fewer, by the calls that there are."""
        pool, crew = self._pool, self._crew
        scheduler, scaling = pool.scheduler, crew.scaling
        if pool.state is PoolState.READY and pool.signature is not None and crew.is_whole:
            before = scaling.wanted
            waiting, calls = scheduler.waiting, len(scheduler.pending)
            scaling.look(self._clock(), waiting, calls, calls_at_once(pool.signature))
            if scaling.wanted > before:
                log.info("%s: %d calls wait; %d workers, not %d", pool.name, waiting, scaling.wanted, before)
                pool.own(crew.fill())
            elif scaling.wanted < before:
                log.info("%s: of %d workers %d are enough", pool.name, before, scaling.wanted)
        crew.lessen()

    def _look_at(self, worker: Worker) -> None:
        size = worker.resident_bytes()
        if size > 2 * self.limit:
            if not worker.kill_reason:
                worker.told = f"it took {shown(size)}, more than twice its memory_limit of {self.limit_text}"
                self._count()
                worker.kill(worker.told)
        elif worker.retiring:
            if not worker.in_flight:
                self._crew.let_go(worker)
        elif worker in self._paused:
            self._look_again(worker, size)
        elif size > self.limit and worker.ready:
            worker.ready = False
            self._paused[worker] = self._clock()
            self._look_again(worker, size)

    def _look_again(self, worker: Worker, size: int) -> None:
        """Decide on a worker that gets no calls, if those that it had are answered or take long."""
        if worker.in_flight and self._clock() < self._paused[worker] + PATIENCE:
            return
        del self._paused[worker]
        if size <= self.limit:
            worker.ready = True
            self._pool.scheduler.wake()
            return
        self._count()
        log.warning(
            "%s: a worker is replaced: it takes %s, and its memory_limit is %s",
            *(self._pool.name, shown(size), self.limit_text),
        )
        self._crew.retire(worker)
        if not worker.in_flight:
            self._crew.let_go(worker)

    def _count(self) -> None:
        self._pool.memory_replacements += 1
        self._pool.tally.memory_replacements += 1

    def _look_for_calls(self) -> None:
        now = self._clock()
        if not self._pool.is_at_rest:
            self._rested_since = now
        elif now - max(self._rested_since, self._pool.scheduler.last_asked) >= self.idle_seconds:
            self._pool.go_idle()


def shown(size: int) -> str:
    """A size for people, such as `412 MB`; as those of settings it counts in 1024."""
    return f"{size / (1 << 20):,.0f} MB"
