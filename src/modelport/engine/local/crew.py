"""The workers of one model: how many there are to be, and how each of them starts, is replaced and ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from msgspec import structs

from modelport.contract.current_worker import usable_cores
from modelport.contract.traces import TakeLate
from modelport.engine.asks import Asks
from modelport.engine.local.scaling import Scaling
from modelport.engine.local.scheduler import Scheduler
from modelport.engine.local.worker_process import Worker
from modelport.engine.output import Output, WorkerOutput
from modelport.engine.ports import PoolState
from modelport.engine.shared import Shared
from modelport.settings import Settings
from modelport.worker.frames import FrameError, Load

log = logging.getLogger("modelport.engine")

TOGETHER = max(usable_cores() // 2, 1)


class Owner(Protocol):
    """The pool whose workers these are."""

    name: str
    state: PoolState
    settings: Settings
    scheduler: Scheduler
    asks_of: Callable[[Worker], Asks] | None
    name_of_call: Callable[[int], str]
    spans: TakeLate | None

    @property
    def may_start(self) -> bool: ...
    def make_load(self) -> Load: ...
    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    def on_frame(self, worker: Worker, kind: int, message: Any) -> None: ...
    def on_lost(self, worker: Worker, reason: str) -> None: ...


class Crew:
    """The workers of a pool that have not ended. `workers` is one list, for all who look at it."""

    def __init__(self, pool: Owner, output: Output, shared: Shared):
        self.workers: list[Worker] = []
        self.scaling = Scaling(pool.settings)
        self.first: int | None = None  # so many of them at first; `None` for all that settings say
        self.replacing = 0  # workers that have ended, and whose successors come after a while
        self._pool = pool
        self._output = output
        self._places, self._body_slots = shared.places, shared.body_slots
        self._filling = asyncio.Lock()
        self.ending: set[asyncio.Task[None]] = set()  # they are ended although the pool is stopped

    @property
    def wanted(self) -> int:
        """How many there are to be now."""
        return self.scaling.wanted if self.first is None else self.first

    @property
    def missing(self) -> int:
        """How many there should be more, beside those that are about to be replaced."""
        return self.wanted - sum(not worker.retiring for worker in self.workers) - self.replacing

    @property
    def is_whole(self) -> bool:
        """True if all are meant to be there, and none is on its way."""
        coming = any(not worker.ready and not worker.retiring for worker in self.workers)
        return self.first is None and not (coming or self.replacing or self._filling.locked())

    @property
    def is_at_rest(self) -> bool:
        """True if all are there and have nothing left to do."""
        working = any(worker.in_flight or not worker.ready for worker in self.workers)
        return not working and not self._filling.locked()

    def spawn(self) -> None:
        """Start one more, in the first place that is free. Raises `SettingsError` for its device."""
        in_thread = self._pool.settings.workers == 0
        taken = {worker.load.worker.number for worker in self.workers if not worker.retiring}
        number = next(number for number in itertools.count() if number not in taken)
        token = "" if in_thread else secrets.token_hex(8)
        load = structs.replace(self._placed(number), print_token=token)
        output = WorkerOutput(self._output, token, self._pool.name_of_call, lambda: worker.pid)
        place = self._places.place(load, output, self._pool.settings, self._body_slots)
        worker = Worker(self._pool, load, place)
        worker.asks_of = self._pool.asks_of
        worker.spans = self._pool.spans
        worker.on_turn = self._pool.scheduler.free.turn
        self.workers.append(worker)
        self._pool.own(self._start(worker))

    def _placed(self, number: int) -> Load:
        load = self._places.fitted(self._pool.make_load(), self._pool.settings, number)
        return structs.replace(load, may_ask=True)

    def fits(self, worker: Worker) -> bool:
        """Whether a worker has what it would have if it was started now."""
        now = self._placed(worker.load.worker.number)
        return (now.worker, now.variables) == (worker.load.worker, worker.load.variables)

    async def _start(self, worker: Worker) -> None:
        try:
            await worker.start()
            async with asyncio.timeout(self._pool.settings.load_timeout or None):
                await worker.settled.wait()
        except TimeoutError:  # before OSError, whose kind it is
            worker.kill(f"it did not load within {self._pool.settings.load_timeout:g} s")
        except Exception as error:  # whatever it is, the model must not stay as if it still loaded
            if not isinstance(error, (OSError, FrameError)):
                log.exception("%s: a worker could not be started", self._pool.name)
            worker.fail_to_start(f"it could not be started: {error}")

    async def fill(self) -> None:
        """Have as many as are wanted, and wait until those that were missing are ready, too.

        No more than half of the processors load at a time: the others are for what is answered meanwhile.
        """
        async with self._filling:
            while self._pool.state in (PoolState.READY, PoolState.WAKING):
                for _ in range(min(TOGETHER, self.missing)):
                    self.spawn()
                for worker in list(self.workers):
                    await worker.settled.wait()
                if self.missing <= 0:
                    return

    def replace(self, delay: float) -> None:
        """Start one in place of one that has ended, after so many seconds."""
        self.replacing += 1
        self._pool.own(self._replace(delay))

    async def _replace(self, delay: float) -> None:
        try:
            await asyncio.sleep(delay)
        finally:
            self.replacing -= 1
        if self.missing > 0 and self._pool.may_start:
            self.spawn()

    def retire(self, worker: Worker) -> None:
        """Replace one, which gets no calls any more; it stays until those that it has are answered."""
        worker.ready = False
        worker.retiring = True
        if self._pool.may_start:
            self.spawn()

    def lessen(self) -> None:
        """Let the last of those that are more than wanted get no more calls; they end once they have none."""
        staying = sorted(
            (one for one in self.workers if not one.retiring), key=lambda one: one.load.worker.number
        )
        for worker in staying[self.wanted :]:
            worker.ready = False
            worker.retiring = True
        for worker in [one for one in self.workers if one.retiring and not one.in_flight]:
            self.let_go(worker)

    def let_go(self, worker: Worker) -> None:
        """End one that has been replaced, or is one too many."""
        worker.ready = False
        self.workers.remove(worker)
        self.end(worker)

    def end(self, *dismissed: Worker, at_once: bool = False) -> None:
        """Stop those that do not belong to the model any more, `at_once` without asking them first."""
        for worker in dismissed:
            task = asyncio.get_running_loop().create_task(worker.stop(at_once=at_once))
            self.ending.add(task)
            task.add_done_callback(self.ending.discard)

    async def ended(self, *dismissed: Worker, at_once: bool = False) -> None:
        """Stop them, and wait until they and all that were stopped before are gone."""
        self.end(*dismissed, at_once=at_once)
        if self.ending:
            await asyncio.wait(self.ending)  # which go on if nobody waits any more

    def dismissed(self) -> list[Worker]:
        """All of them, none of whom belongs to the model any more: they are to be stopped."""
        dismissed = list(self.workers)
        for worker in dismissed:
            worker.ready = False
        self.workers.clear()
        self.scaling.reset()
        return dismissed
