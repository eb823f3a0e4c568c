"""One model as the server sees it: its state, and its workers, started, watched and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Coroutine, Generator
from typing import Any

from modelport.contract.calls import Call
from modelport.contract.signature import Signature, VerbName
from modelport.engine.local.backoff import LONGEST_DELAY, Backoff
from modelport.engine.local.load_rules import rules_of
from modelport.engine.local.scheduler import Scheduler
from modelport.engine.local.served_words import log_served
from modelport.engine.local.worker_process import Worker
from modelport.engine.output import Output
from modelport.engine.pending import Deliver, Pending
from modelport.engine.ports import Observer, PoolState, Refused
from modelport.engine.spool import Spool
from modelport.settings import Settings
from modelport.sources.source import Source
from modelport.worker.frames import Failed, FrameError, Kind, Load, Ready, State

log = logging.getLogger("modelport.engine")

TOGETHER = max((os.cpu_count() or 1) // 2, 1)


class ModelPool:
    """One model and its workers."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        spool: Spool,
        version: int = 0,
    ):
        self.source = source
        self.version = version  # 0 is the model as its source has it
        self.name = source.name
        self.settings = settings
        self.state = PoolState.WAITING
        self.error = ""
        self.signature: Signature | None = None
        self.reads_headers = False  # true if an argument of predict() is a request header
        self.takes_base64 = False  # true if JSON may hold files of predict()
        self.started_at = 0.0
        self.ready_seconds: float | None = None
        self.restarts = 0
        self.workers: list[Worker] = []
        self.settled = asyncio.Event()  # set once the model is ready or has failed
        self.scheduler = Scheduler(self.name, settings, self)
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self.output = Output(self.name, self._loop.time)
        self._backoff = Backoff()
        self._draining = False
        self._holders = 0
        self._growing = asyncio.Lock()
        self._replacing = 0  # workers that have ended, and whose successors come after a while
        self.observers: tuple[Observer, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life --------------------------------------------------------------------------------------

    def start(self, workers: int | None = None) -> None:
        """Start the workers. Returns at once; `settled` tells when the model is ready or has failed."""
        self.state = PoolState.LOADING
        self.started_at = self._loop.time()
        for _ in range(max(self.settings.workers, 1) if workers is None else workers):
            self._spawn()

    async def grow(self) -> None:
        """Have as many workers as settings say, and wait until those that were missing are ready, too.

        No more than half of the processors load at a time: the others are for what is answered meanwhile.
        """
        async with self._growing:
            while self.state is PoolState.READY:
                for _ in range(min(TOGETHER, self._missing)):
                    self._spawn()
                for worker in list(self.workers):
                    await worker.settled.wait()
                if self._missing <= 0:
                    return

    @property
    def _missing(self) -> int:
        """How many workers there should be more, beside those that are about to be replaced."""
        return self.settings.workers - len(self.workers) - self._replacing

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
        return sum(1 for worker in self.workers if worker.ready)

    @property
    def is_idle(self) -> bool:
        """True if nobody has a call here, or is about to make one."""
        return not self._holders and not self.scheduler.pending

    def _spawn(self) -> None:
        worker = Worker(
            self, self.make_load(), self.output, self._spool.root, in_thread=self.settings.workers == 0
        )
        self.workers.append(worker)
        self._own(self._start(worker))

    async def _start(self, worker: Worker) -> None:
        try:
            await worker.start()
            async with asyncio.timeout(self.settings.load_timeout or None):
                await worker.settled.wait()
        except TimeoutError:  # before OSError, whose kind it is
            worker.kill(f"it did not load within {self.settings.load_timeout:g} s")
        except Exception as error:  # whatever it is, the model must not stay as if it still loaded
            if not isinstance(error, (OSError, FrameError)):
                log.exception("%s: a worker could not be started", self.name)
            worker.fail_to_start(f"it could not be started: {error}")

    def make_load(self) -> Load:
        """What a process that serves this model has to load, and how it has to answer."""
        return rules_of(self.source, self.settings, self._spool)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: supervision failed", self.name, exc_info=task.exception())
            if self.state in ("waiting", "loading", "warming") and not (self.workers or self._replacing):
                self._fail(f"its supervision failed: {task.exception()}")  # nobody else would say so

    async def drained(self) -> None:
        """Wait until every call is answered."""
        await self.scheduler.drained()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls and wait for those that run. False if some were left at the end."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                await self.scheduler.drained()
        except TimeoutError:
            return False
        return True

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker, `at_once` without asking it first; what is unanswered is answered 503."""
        self._draining = True
        self.state = PoolState.STOPPED
        self.scheduler.answer_all(503, "the server is stopping")
        self.scheduler.close()
        workers, self.workers = self.workers, []
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(worker.stop(at_once=at_once) for worker in workers))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.settled.set()

    # -- calls -------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise `Refused` if a call would not be taken now."""
        if self._draining:
            raise Refused(503, "the server is stopping", 1)
        if self.state is PoolState.FAILED:
            raise Refused(503, f"the model {self.name!r} could not be loaded")
        if self.signature is None:
            raise Refused(503, f"the model {self.name!r} is {self.state}", 1)
        if self.scheduler.waiting >= self.settings.queue_size:
            waiting = f"{self.scheduler.waiting} calls wait for the model {self.name!r} already"
            raise Refused(503, waiting, 1, queue_full=True)

    def submit(self, call: Call, deliver: Deliver) -> Pending:
        """Queue a call; `deliver` gets its answer, once.

        Raises `Refused` at once if the model takes no calls or its queue is full.
        """
        self.check_open()
        for observer in self.observers:
            deliver = observer.on_call(call, deliver)
        return self.scheduler.submit(call, deliver)

    def submit_aside(self, call: Call, deliver: Deliver) -> Pending:
        """Queue a call that is none of a client's: no observer sees it, and a full queue takes it."""
        return self.scheduler.submit(call, deliver)

    def cancel(self, pending: Pending) -> None:
        """The client has left: the call is dropped from the queue, or stopped where it runs."""
        self.scheduler.cancel(pending)

    def close_stream(self, pending: Pending) -> None:
        """Nobody reads the stream that answers this call any more; it is cancelled if it has not ended."""
        if pending.call.id in self.scheduler.pending:
            self.scheduler.cancel(pending)

    def may_leave_files(self, verb: VerbName = "predict") -> bool:
        """Whether a worker may write files into the folder of a call: what came without a form."""
        files = self.signature is not None and bool(self.signature.operation(verb).files)
        return files or self.settings.allow_url_inputs

    def discard(self, call_id: int) -> None:
        """Remove the files of a call that nobody waits for, now that no worker writes them any more."""
        self._own(asyncio.to_thread(self._spool.remove, self._spool.folder_of(call_id)))

    # -- what workers tell -------------------------------------------------------------------------

    def on_frame(self, worker: Worker, kind: int, message: Any) -> None:
        """A worker has sent a frame. Raises `FrameError` for one that it may not send."""
        if kind == Kind.ANSWERS:
            self.scheduler.on_answers(worker, message)
        elif kind == Kind.CHUNK:
            self.scheduler.on_chunk(worker, message)
        elif kind == Kind.READY:
            self._on_ready(worker, message)
        elif kind == Kind.FAILED:
            self._on_failed(worker, message)
        elif kind == Kind.STATE and self.signature is None:
            state: State = message
            if state.state in (PoolState.LOADING, PoolState.WARMING):
                self.state = PoolState(state.state)
                log.info("%s: %s", self.name, self.state)
        elif kind < Kind.STATE:
            raise FrameError(f"a worker sends no frames of kind {kind}")

    def _on_ready(self, worker: Worker, ready: Ready) -> None:
        worker.ready = True
        worker.ready_at = self._loop.time()
        worker.settled.set()
        if self.signature is None:
            self.signature = ready.signature
            predict = ready.signature.predict
            self.reads_headers = bool(predict.header_names())
            self.takes_base64 = predict.takes_base64 and bool(predict.uploads)
            self.scheduler.set_batches(predict)
            self.ready_seconds = self._loop.time() - self.started_at
            log_served(self.source, ready, self.ready_seconds)
        else:
            seconds = ready.load_seconds + ready.warm_seconds
            log.info("%s: a new worker is ready after %.1f s", self.name, seconds)
        if self.state is not PoolState.READY:
            self.state = PoolState.READY
        self.settled.set()
        self.scheduler.wake()

    def _on_failed(self, worker: Worker, failed: Failed) -> None:
        worker.kill_reason = failed.message
        worker.failed_at = failed.own and f"\n{failed.own}"
        if failed.traceback:
            log.debug("%s: %s", self.name, failed.traceback)

    def on_lost(self, worker: Worker, reason: str) -> None:
        """A worker has ended, expected or not. Its calls are answered or retried, and it is replaced."""
        worker.settled.set()
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        self._own(worker.clean_up())
        self.scheduler.on_lost(worker, reason, retry=self.state is not PoolState.STOPPED)
        if self.state in (PoolState.STOPPED, PoolState.FAILED):
            return
        if self.signature is None:
            self._fail(
                reason if worker.kill_reason else f"{self.source}: its process died of loading it: {reason}",
                worker.failed_at,
            )
            return
        self.restarts += 1
        lived = self._loop.time() - worker.ready_at if worker.ready_at else 0.0
        delay = self._backoff.next_delay(lived)
        if delay is None:
            if not self.workers:
                self._fail(f"its workers keep ending: {reason}", worker.failed_at)
                return
            delay = LONGEST_DELAY
        said = f"a worker ended ({reason}); another starts in {delay:.1f} s{worker.failed_at}"
        log.error("%s: %s", self.name, said)
        if not self.workers_ready:
            self.state = PoolState.LOADING
        self._replacing += 1
        self._own(self._replace(delay))

    async def _replace(self, delay: float) -> None:
        try:
            await asyncio.sleep(delay)
        finally:
            self._replacing -= 1
        if not self._draining or self.scheduler.pending:
            self._spawn()

    def _fail(self, reason: str, failed_at: str = "") -> None:
        self.error = reason
        self.state = PoolState.FAILED
        log.error("%s: failed: %s%s", self.name, reason, failed_at.rstrip())
        self.scheduler.answer_all(503, "the model has failed")
        self.settled.set()
        others, self.workers = self.workers, []
        for worker in others:
            self._own(worker.stop())
