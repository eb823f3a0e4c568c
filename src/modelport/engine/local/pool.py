"""One model as the server sees it: its state, and its workers, started, watched and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

from modelport.contract.calls import Call
from modelport.contract.signature import CallVerb, Signature
from modelport.contract.traces import TakeLate
from modelport.engine.asks import Asks
from modelport.engine.local.backoff import LONGEST_DELAY, Backoff
from modelport.engine.local.crew import Crew
from modelport.engine.local.load_rules import rules_of
from modelport.engine.local.model_asks import ModelAsks
from modelport.engine.local.scheduler import Scheduler
from modelport.engine.local.served_words import log_served
from modelport.engine.local.state_since import StateSince
from modelport.engine.local.upkeep import Upkeep
from modelport.engine.local.worker_ends import end_of
from modelport.engine.local.worker_process import Worker
from modelport.engine.output import Output
from modelport.engine.pending import Deliver, Pending, pieces_taken
from modelport.engine.ports import ON_THE_WAY, Observer, PoolState, Refused
from modelport.engine.shared import Shared
from modelport.engine.spool import Spool
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.sources.source import Source
from modelport.worker.frames import FrameError, Kind, Load, Ready, State

log = logging.getLogger("modelport.engine")


class ModelPool(StateSince):
    """One model and its workers."""

    def __init__(self, source: Source, settings: Settings, spool: Spool, shared: Shared, version: int = 0):
        super().__init__()
        self.source = source
        self.version = version  # 0 is the model as its source has it
        self.name = source.name
        self.settings = settings
        self.signature: Signature | None = None
        self.reads_headers = False  # true if an argument of predict() is a request header
        self.takes_base64 = False  # true if JSON may hold files of predict()
        self.started_at = 0.0
        self.ready_seconds: float | None = None
        self.restarts = 0
        self.memory_replacements = 0  # workers that were replaced because of their memory
        self.files: Sequence[str] = ()  # that the model consists of, where they are watched
        self.reload_error = ""
        self.settled = asyncio.Event()  # set once the model is ready or has failed
        self.tally, self.model_log, self.body_slot = shared.tally, shared.model_log, shared.body_slots.take
        self.counted = shared.tally.of(version)
        self.queue = self.scheduler = Scheduler(self.name, settings, self)
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self.output = Output(self.name, self._loop.time, version, self.model_log)
        self._crew = Crew(self, self.output, shared)
        self.workers = self._crew.workers
        self.retire = self._crew.retire
        self._backoff = Backoff()
        self._asks = ModelAsks(self, self._crew)
        self._upkeep = Upkeep(self, self._crew, settings)
        self._is_up = False  # a worker has been ready since the last start
        self._again_at = 0.0  # when a model that could not be loaded again is tried once more; 0 for never
        self._again = Backoff()
        self._draining = False
        self._holders = 0
        self.observers: tuple[Observer, ...] = ()
        self.spans: TakeLate | None = None
        self.name_of_call: Callable[[int], str] = "{:x}".format  # the id of its request
        self.logged_by: Observer | None = None
        self.asks_of: Callable[[Worker], Asks] | None = None  # without it, its model can ask no other
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life --------------------------------------------------------------------------------------

    def start(self, workers: int | None = None) -> None:
        """Start the workers. Returns at once; `settled` tells when the model is ready or has failed."""
        self._crew.first = workers
        self._begin(PoolState.LOADING, self._crew.wanted)

    def _begin(self, state: PoolState, workers: int) -> None:
        self.state = state
        self.error = ""
        self.settled.clear()
        self._is_up = False
        self._again_at = 0.0
        self.started_at = self._loop.time()
        try:
            for _ in range(workers):
                self._crew.spawn()
        except SettingsError as error:  # a device that there is not
            self._fail(str(error))
            return
        self._upkeep.begin()

    async def grow(self) -> None:
        """Have as many workers as settings say, and wait until those that were missing are ready, too."""
        self._wake()
        self._crew.first = None
        await self._crew.fill()

    def load(self, *, now: bool = True) -> None:
        """Begin to load what is unloaded, idle or has failed, or let its next call do so; see `Pool`."""
        if not now:
            self.state = PoolState.IDLE if self.state is PoolState.UNLOADED else self.state
            return
        self._wake()
        if self.state in (PoolState.UNLOADED, PoolState.FAILED):
            self._begin(PoolState.LOADING, self._crew.wanted)

    def _wake(self) -> None:
        """Load an idle model again: one worker first, which is soonest there; the others follow it."""
        if self.state is PoolState.IDLE:
            log.info("%s: it is asked again, and loads", self.name)
            self._begin(PoolState.WAKING, 1)

    async def unload(self, seconds: float) -> None:
        """Take no more calls, give those that run so long to end, and end the workers, until `load`."""
        if self.state in (PoolState.UNLOADED, PoolState.STOPPED):
            return
        self.state = PoolState.UNLOADING
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.scheduler.drained()
        self.scheduler.answer_all(503, f"the model {self.name!r} is being unloaded")
        dismissed = self._crew.dismissed()
        await self._crew.ended(*dismissed)
        for worker in dismissed:
            self.scheduler.on_lost(worker, "unloaded", retry=False)
        if not self._draining:  # else the server stops, or has stopped
            self.state = PoolState.UNLOADED
            log.info("%s: unloaded", self.name)
        self.settled.set()

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Keep the pool from being unloaded: a request is on its way to it."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    @property
    def workers_ready(self) -> int:
        """How many workers can take a call."""
        return self.scheduler.free.ready

    @property
    def workers_wanted(self) -> int:
        """How many workers there are to be."""
        return self._crew.scaling.wanted

    @property
    def is_idle(self) -> bool:
        """True if nobody has a call here, or is about to make one."""
        return not self._holders and not self.scheduler.pending

    def make_load(self) -> Load:
        """What a process that serves this model has to load, and how it has to answer."""
        return rules_of(self.source, self.settings, self._spool)

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task that ends with the pool."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: supervision failed", self.name, exc_info=task.exception())
            is_coming = self.state in (PoolState.WAITING, *ON_THE_WAY)
            if is_coming and not (self.workers or self._crew.replacing):
                self._fail(f"its supervision failed: {task.exception()}")  # nobody else would say so

    async def drained(self) -> None:
        """Wait until every call is answered."""
        await self.scheduler.drained()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls and wait for those that run. False if some were left at the end."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.scheduler.drained()
                return True
        return False

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker, `at_once` without asking it first; what is unanswered is answered 503.

        If nobody waits any more the workers end all the same, and who stops it again waits for them.
        """
        self._draining = True
        self.state = PoolState.STOPPED
        self.scheduler.answer_all(503, "the server is stopping")
        self.scheduler.close()
        workers = self._crew.dismissed()
        for task in list(self._tasks):
            task.cancel()
        await self._crew.ended(*workers, at_once=at_once)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.settled.set()

    # -- calls -------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise `Refused` if a call would not be taken now."""
        if self._draining:
            raise Refused(503, "the server is stopping", 1)
        self._check_able()

    def _check_able(self) -> None:
        if self._state is not PoolState.READY:
            self._check_state()
        if self.scheduler.waiting >= self.settings.queue_size:
            said = f"{self.scheduler.waiting} calls wait for the model {self.name!r} already"
            raise Refused(503, said, 1, queue_full=True)

    def _check_state(self) -> None:
        """Raise `Refused` if the model cannot be asked; let one be loaded that can be by being asked."""
        self._wake()
        if self.state.is_unloaded:
            path = f"/v2/repository/models/{self.name}/load"
            raise Refused(503, f"the model {self.name!r} is unloaded; a POST to {path} loads it")
        if self.state is PoolState.FAILED:
            left = self._again_at - self._loop.time()
            if left > 0 or not self._again_at:
                why = f"the model {self.name!r} could not be loaded"
                raise Refused(503, why, math.ceil(left) if self._again_at else None)
            self._begin(PoolState.LOADING, 1)
        if self.signature is None:
            raise Refused(503, f"the model {self.name!r} is {self.state}", 1)

    def submit(self, call: Call, deliver: Deliver, *, within: bool = False, is_copy: bool = False) -> Pending:
        """Queue a call; see `Pool`. `Refused` at once if the model takes no calls or its queue is full."""
        if self._draining and (not within or self.state is PoolState.STOPPED):
            self.check_open()
        self._check_able()
        for observer in self.observers:
            deliver = observer.on_call(call, deliver)
        if self.logged_by is not None and not is_copy:
            deliver = self.logged_by.on_call(call, deliver)
        return self.scheduler.submit(call, deliver)

    def submit_aside(self, call: Call, deliver: Deliver) -> Pending:
        """Queue a call that is none of a client's: no observer sees it, and a full queue takes it."""
        self._wake()
        return self.scheduler.submit(call, deliver)

    def cancel(self, pending: Pending) -> None:
        """The client has left: the call is dropped from the queue, or stopped where it runs."""
        self.scheduler.cancel(pending)

    def close_stream(self, pending: Pending) -> None:
        """Nobody reads the stream that answers this call any more; it is cancelled if it has not ended."""
        if pending.call.id in self.scheduler.pending:
            self.scheduler.cancel(pending)

    def may_leave_files(self, verb: CallVerb = "predict") -> bool:
        """Whether a worker may write files into the folder of a call: what came without a form."""
        files = self.signature is not None and bool(self.signature.operation(verb).files)
        return files or self.settings.allow_url_inputs

    def discard(self, call_id: int) -> None:
        """Remove the files of a call that nobody waits for, now that no worker writes them any more."""
        self.own(asyncio.to_thread(self._spool.remove, self._spool.folder_of(call_id)))

    # -- what workers tell -------------------------------------------------------------------------

    def on_frame(self, worker: Worker, kind: int, message: Any) -> None:
        """A worker has sent a frame. Raises `FrameError` for one that it may not send."""
        if kind == Kind.ANSWERS:
            self.scheduler.on_answers(worker, message)
        elif kind == Kind.CHUNK:
            self.scheduler.on_chunk(worker, message)
        elif kind == Kind.PIECES_TAKEN:
            pieces_taken(worker.in_flight, message)
        elif kind < Kind.STATE:
            raise FrameError(f"a worker sends no frames of kind {kind}")
        elif worker not in self.workers:
            pass  # it ends, whatever it says
        elif kind == Kind.SETTINGS:
            self._asks.on_settings(worker, message)
        elif kind == Kind.READY:
            self._on_ready(worker, message)
        elif kind == Kind.FAILED:
            self.files = message.files
            worker.cannot_load(message)
        elif kind == Kind.STATE and self.signature is None and self.state in ON_THE_WAY:
            state: State = message
            if state.state in (PoolState.LOADING, PoolState.WARMING):
                self.state = PoolState(state.state)
                log.info("%s: %s", self.name, self.state)

    def _on_ready(self, worker: Worker, ready: Ready) -> None:
        if too_large := self._upkeep.why_too_large(worker):
            worker.kill(too_large)
            return
        if self.signature is None and not self._asks.keeps(worker, ready.signature):
            return
        self.files = ready.files
        worker.ready = not worker.retiring
        worker.ready_at = self._loop.time()
        worker.settled.set()
        if self.signature is None:
            self.signature = ready.signature
            predict = ready.signature.predict
            self.reads_headers = bool(predict.header_names())
            self.takes_base64 = predict.takes_base64 and bool(predict.uploads)
            self.scheduler.set_batches(ready.signature)
            self.ready_seconds = self._loop.time() - self.started_at
            log_served(self.source, ready, self.ready_seconds)
        else:
            log.info("%s: a new worker is ready after %.1f s", self.name, ready.seconds)
        self._is_up = True
        self._again = Backoff()
        if self.state in ON_THE_WAY:
            self.state = PoolState.READY
            if self._crew.missing > 0:
                self.own(self._crew.fill())
        self.settled.set()
        self.scheduler.wake()

    def use(self, settings: Settings) -> None:
        """Keep to other settings from now on."""
        self.settings = settings
        self.scheduler.use(settings)
        self._upkeep.use(settings)
        self._upkeep.begin()

    def on_lost(self, worker: Worker, reason: str) -> None:
        """A worker has ended, expected or not. Its calls are answered or retried, and it is replaced."""
        worker.settled.set()
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        self.own(worker.clean_up())
        self.tally.ends[end_of(worker, reason)] += 1
        self.scheduler.on_lost(worker, reason, retry=self.state is not PoolState.STOPPED)
        unloads = self.state is PoolState.UNLOADING and not self.scheduler.pending
        if worker.retiring or unloads or self.state in (PoolState.STOPPED, PoolState.FAILED):
            return
        if not (self._is_up or worker.place.is_gone) and (self.signature is None or worker.kill_reason):
            died = f"{self.source}: its process died of loading it: {reason}"
            self._fail(reason if worker.kill_reason else died, worker.failed_at)
            return
        self.restarts += 1
        self.tally.restarts += 1
        delay = self._backoff.next_delay(self._loop.time() - worker.ready_at if worker.ready_at else 0.0)
        if delay is None:
            if not self.workers:
                self._fail(f"its workers keep ending: {reason}", worker.failed_at)
                return
            delay = LONGEST_DELAY
        said = "%s: a worker ended (%s); another starts in %.1f s%s"
        log.error(said, self.name, reason, delay, worker.failed_at)
        if not self.workers_ready and self.state is PoolState.READY:
            self.state = PoolState.LOADING
        self._crew.replace(delay)

    @property
    def may_start(self) -> bool:
        """Whether another worker is to be started: not one for nobody."""
        if self._draining or self.state is PoolState.UNLOADING:
            return bool(self.scheduler.pending)
        return self.state is not PoolState.IDLE and self.state.may_have_workers

    def _fail(self, reason: str, failed_at: str = "") -> None:
        self.error = reason
        self.state = PoolState.FAILED
        log.error("%s: failed: %s%s", self.name, reason, failed_at.rstrip())
        self.scheduler.answer_all(503, "the model has failed")
        self.settled.set()
        self._crew.end(*self._crew.dismissed())
        if self.signature is not None and not self._is_up:
            self._again_at = self._loop.time() + (self._again.next_delay(0.0) or LONGEST_DELAY)

    # -- what its upkeep asks ----------------------------------------------------------------------

    @property
    def is_at_rest(self) -> bool:
        """True if nobody asks, and no worker has anything left to do."""
        return self.state is PoolState.READY and self.is_idle and self._crew.is_at_rest

    def go_idle(self) -> None:
        """End the workers, until somebody asks again."""
        log.info("%s: nobody asks it; its workers end, and the next call loads it again", self.name)
        self.state = PoolState.IDLE
        self._crew.end(*self._crew.dismissed())
