"""The workers of one model, its bounded queue, and the rules by which calls meet workers.

A worker has credit: how many calls it may hold at once. Slow models have one, so that nothing waits
behind a call while another worker is free; models that answer in microseconds get as many as they answer
in about two milliseconds, so that one frame carries several; models that take batches get a batch, and
only when they are idle.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from modelport.contract.calls import Answer, Call, Chunk
from modelport.contract.errors import ModelLoadError
from modelport.contract.signature import Signature
from modelport.engine.backoff import Backoff
from modelport.engine.output import Output
from modelport.engine.pending import ChunkStream, Pending
from modelport.engine.worker_process import Worker
from modelport.settings import Settings
from modelport.sources.source import Source
from modelport.worker.frames import Acknowledge, Failed, Kind, Load, Ready, State

log = logging.getLogger("modelport.engine")

FRAME_MICROS = 2000  # how much work one frame to a fast model may carry
MAX_CREDIT = 64
MAX_ATTEMPTS = 2


class Refused(Exception):
    """A call that is not taken: `status` and `detail` for the client, seconds after which to try again."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None):
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(detail)


class ModelPool:
    """One model: its state, its workers and the calls that wait for them."""

    def __init__(
        self, source: Source, settings: Settings, spool_root: Path, on_state: Callable[[ModelPool], None]
    ):
        self.source = source
        self.name = source.name
        self.settings = settings
        self.state = "waiting"  # then loading, warming, ready, failed, stopped
        self.error = ""
        self.signature: Signature | None = None
        self.started_at = 0.0
        self.ready_seconds: float | None = None
        self.restarts = 0
        self.workers: list[Worker] = []
        self.settled = asyncio.Event()  # set once the model is ready or has failed
        self.pending: dict[int, Pending] = {}  # everything unanswered, by age
        self._spool_root = spool_root
        self._on_state = on_state
        self._queue: deque[Pending] = deque()
        self._loop = asyncio.get_running_loop()
        self.output = Output(self.name, self._loop.time)
        self._backoff = Backoff()
        self._dispatching = False
        self._batch_timer: asyncio.TimerHandle | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._service_micros = 1_000_000.0  # a guess that gives every worker one call until we know
        self._batch_size = 1
        self._max_wait = 0.0
        self._draining = False
        self._empty = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls = 0

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers. Returns at once; `settled` tells when the model is ready or has failed."""
        self._set_state("loading")
        self.started_at = self._loop.time()
        for _ in range(max(self.settings.workers, 1)):
            self._spawn()

    def _spawn(self) -> None:
        worker = Worker(
            self, self._rules(), self.output, self._spool_root, in_thread=self.settings.workers == 0
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
        except OSError as error:
            self.on_lost(worker, f"it could not be started: {error}")

    def _rules(self) -> Load:
        s = self.settings
        return Load(
            name=self.name,
            kind=self.source.kind,
            target=self.source.target,
            attribute=self.source.attribute,
            spool=str(self._spool_root),
            warm=s.warm,
            stringify=s.stringify_predictions,
            allow_nan=s.allow_nan,
            allow_url_inputs=s.allow_url_inputs,
            max_url_bytes=s.client_max_size or (1 << 40),
            json_depth=s.json_depth,
        )

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: supervision failed", self.name, exc_info=task.exception())

    async def drain(self, seconds: float) -> bool:
        """Take no more calls and wait for those that run. False if some were left at the end."""
        self._draining = True
        if self.pending:
            self._empty.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return False
        return True

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker, `at_once` without asking it first; what is unanswered is answered 503."""
        self._draining = True
        self._set_state("stopped")
        for handle in (self._batch_timer, self._deadline_timer):
            if handle is not None:
                handle.cancel()
        for pending in list(self.pending.values()):
            self._finish(pending, Answer(pending.call.id, 503, problem=True, detail="the server is stopping"))
        workers, self.workers = self.workers, []
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(worker.stop(at_once=at_once) for worker in workers))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.settled.set()

    # -- calls in ----------------------------------------------------------------------------------

    def _set_state(self, state: str) -> None:
        self.state = state
        self._on_state(self)

    def check_open(self) -> None:
        """Raise `Refused` if a call would not be taken now."""
        if self._draining:
            raise Refused(503, "the server is stopping", 1)
        if self.state == "failed":
            raise Refused(503, f"the model {self.name!r} could not be loaded")
        if self.signature is None:
            raise Refused(503, f"the model {self.name!r} is {self.state}", 1)
        if len(self._queue) >= self.settings.queue_size:
            raise Refused(503, f"{len(self._queue)} calls wait for the model {self.name!r} already", 1)

    def submit(self, call: Call) -> Pending:
        """Queue a call. Raises `Refused` at once if the model takes no calls or its queue is full."""
        self.check_open()
        now = self._loop.time()
        pending = Pending(call, self._loop.create_future(), now, now + (self.settings.timeout or 1e9))
        self.pending[call.id] = pending
        self._queue.append(pending)
        self.calls += 1
        self._schedule()
        if self._deadline_timer is None:
            self._deadline_timer = self._loop.call_at(pending.deadline, self._on_deadline)
        return pending

    def cancel(self, pending: Pending) -> None:
        """The client has left: the call is dropped from the queue, or stopped where it runs."""
        pending.wanted = False
        worker = self._holder(pending)
        self._finish(pending, Answer(pending.call.id, 499))
        if worker is not None:
            worker.cancel(pending.call.id)
        else:
            self._drop(pending)

    def _drop(self, pending: Pending) -> None:
        try:
            self._queue.remove(pending)
        except ValueError:
            pass

    def _holder(self, pending: Pending) -> Worker | None:
        return next((w for w in self.workers if pending.call.id in w.in_flight), None)

    def _finish(self, pending: Pending, answer: Answer) -> None:
        self.pending.pop(pending.call.id, None)
        if pending.stream is not None:
            pending.stream.put(Chunk(answer.id, end=True, error=answer.detail))
        pending.answer(answer)
        if not self.pending:
            self._empty.set()

    # -- scheduling --------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._dispatching:
            self._dispatching = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        queue = self._queue
        while queue:
            worker = self._freest()
            if worker is None:
                return
            room = self._credit() - len(worker.in_flight)
            if room <= 0 or (self._batch_size > 1 and self._wait_for_more(queue[0])):
                return
            self._send(worker, self._take(room))

    def _freest(self) -> Worker | None:
        ready = [worker for worker in self.workers if worker.ready]
        if self._batch_size > 1:  # a batch goes to an idle worker
            ready = [worker for worker in ready if not worker.in_flight]
        return min(ready, key=lambda worker: len(worker.in_flight), default=None)

    def _credit(self) -> int:
        if self._batch_size > 1:
            return self._batch_size
        return max(1, min(MAX_CREDIT, int(FRAME_MICROS / max(self._service_micros, 1.0))))

    def _wait_for_more(self, oldest: Pending) -> bool:
        """True while a batch may still fill; a timer looks again when the oldest call has waited enough."""
        if len(self._queue) >= self._batch_size or oldest.call.alone:
            return False
        due = oldest.enqueued + self._max_wait
        if self._loop.time() >= due - 1e-4:
            return False
        if self._batch_timer is None:
            self._batch_timer = self._loop.call_at(due, self._on_batch_due)
        return True

    def _on_batch_due(self) -> None:
        self._batch_timer = None
        self._dispatch()

    def _take(self, room: int) -> list[Pending]:
        """The next calls in order, at most `room`; a call that must be alone comes alone."""
        queue = self._queue
        ready = sum(1 for worker in self.workers if worker.ready)
        if self._batch_size == 1 and ready > 1:
            room = min(room, -(-len(queue) // ready))  # leave some for the other workers
        taken: list[Pending] = []
        while queue and len(taken) < room:
            if queue[0].call.alone and taken:
                break
            pending = queue.popleft()
            taken.append(pending)
            if pending.call.alone:
                break
        return taken

    def _send(self, worker: Worker, taken: list[Pending]) -> None:
        for pending in taken:
            worker.in_flight[pending.call.id] = pending
        worker.send(Kind.CALLS, [pending.call for pending in taken])

    # -- frames from workers -----------------------------------------------------------------------

    def on_frame(self, worker: Worker, kind: int, message: Any) -> None:
        if kind == Kind.ANSWERS:
            for answer in message:
                self._on_answer(worker, answer)
            if self._queue:
                self._dispatch()
        elif kind == Kind.CHUNK:
            self._on_chunk(worker, message)
        elif kind == Kind.READY:
            self._on_ready(worker, message)
        elif kind == Kind.FAILED:
            self._on_failed(worker, message)
        elif kind == Kind.STATE and self.signature is None:
            state: State = message
            if state.state in ("loading", "warming"):
                self._set_state(state.state)
                log.info("%s: %s", self.name, self.state)

    def _on_answer(self, worker: Worker, answer: Answer) -> None:
        pending = worker.in_flight.get(answer.id)
        if pending is None:
            worker.kill("it answered a call that it was not given")
            return
        if answer.stream:
            if pending.wanted:
                pending.stream = ChunkStream(
                    lambda n: worker.send(Kind.ACKNOWLEDGE, Acknowledge(answer.id, n))
                )
            pending.answer(answer)
            return
        del worker.in_flight[answer.id]
        if answer.micros and self._batch_size == 1:
            self._service_micros += 0.2 * (answer.micros - self._service_micros)
        self.pending.pop(answer.id, None)
        pending.answer(answer)
        if not self.pending:
            self._empty.set()

    def _on_chunk(self, worker: Worker, chunk: Chunk) -> None:
        pending = worker.in_flight.get(chunk.id)
        if pending is None:
            return
        if chunk.failure:
            log.error("%s: a stream failed: %s\n%s", self.name, chunk.error, chunk.failure)
        if pending.stream is not None:
            pending.stream.put(chunk)
        else:
            worker.send(Kind.ACKNOWLEDGE, Acknowledge(chunk.id, 1))  # nobody reads; let it see the cancel
        if chunk.end:
            del worker.in_flight[chunk.id]
            self.pending.pop(chunk.id, None)
            if not self.pending:
                self._empty.set()
            if self._queue:
                self._dispatch()
        elif chunk.id in self.pending:  # a stream lives as long as it moves
            pending.deadline = self._loop.time() + (self.settings.timeout or 1e9)
            self.pending[chunk.id] = self.pending.pop(chunk.id)

    def _on_ready(self, worker: Worker, ready: Ready) -> None:
        worker.ready = True
        worker.ready_at = self._loop.time()
        worker.settled.set()
        if self.signature is None:
            self.signature = ready.signature
            self._batch_size = max(1, ready.signature.predict.max_batch_size)
            self._max_wait = ready.signature.predict.max_wait_ms / 1000
            self.ready_seconds = self._loop.time() - self.started_at
            for problem in ready.signature.problems:
                log.warning("%s: %s", self.name, problem)
            log.info(
                "%s: ready after %.1f s (loaded in %.1f s, warmed in %.1f s)",
                self.name, self.ready_seconds, ready.load_seconds, ready.warm_seconds,
            )  # fmt: skip
        if self.state != "ready":
            self._set_state("ready")
        self.settled.set()
        self._schedule()

    def _on_failed(self, worker: Worker, failed: Failed) -> None:
        worker.kill_reason = failed.message
        log.error("%s: %s", self.name, failed.message)
        if failed.traceback:
            log.debug("%s: %s", self.name, failed.traceback)

    # -- deadlines and deaths ----------------------------------------------------------------------

    def _on_deadline(self) -> None:
        self._deadline_timer = None
        now = self._loop.time()
        for pending in list(self.pending.values()):
            if pending.deadline > now:
                self._deadline_timer = self._loop.call_at(pending.deadline, self._on_deadline)
                return
            self._expire(pending)

    def _expire(self, pending: Pending) -> None:
        pending.wanted = False
        worker = self._holder(pending)
        detail = f"the prediction took longer than {self.settings.timeout:g} s"
        self._finish(pending, Answer(pending.call.id, 504, problem=True, detail=detail))
        if worker is None:
            self._drop(pending)
            return
        worker.cancel(pending.call.id)
        self._loop.call_later(self.settings.kill_grace, self._kill_if_hung, worker, pending)

    def _kill_if_hung(self, worker: Worker, pending: Pending) -> None:
        if pending.call.id in worker.in_flight and not worker.lost:
            log.error("%s: a prediction did not end at its deadline; its worker is killed", self.name)
            worker.kill("a prediction hung")

    def on_lost(self, worker: Worker, reason: str) -> None:
        """A worker has ended, expected or not. Its calls are answered or retried, and it is replaced."""
        worker.settled.set()
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        self._own(worker.clean_up())
        self._settle_calls(worker, reason)
        if self._draining and self.state == "stopped":
            return
        if self.signature is None:
            self._fail(reason)
            return
        if self.state == "failed":
            return
        self.restarts += 1
        lived = self._loop.time() - worker.ready_at if worker.ready_at else 0.0
        delay = self._backoff.next_delay(lived)
        if delay is None and not self.workers:
            self._fail(f"its workers keep ending: {reason}")
            return
        log.error("%s: a worker ended (%s); another starts in %.1f s", self.name, reason, delay or 30.0)
        if not self.workers or not any(w.ready for w in self.workers):
            self._set_state("loading")
        self._own(self._replace(delay if delay is not None else 30.0))

    async def _replace(self, delay: float) -> None:
        await asyncio.sleep(delay)
        if not self._draining or self.pending:
            self._spawn()

    def _fail(self, reason: str) -> None:
        self.error = reason
        self._set_state("failed")
        log.error("%s: failed: %s", self.name, reason)
        for pending in list(self.pending.values()):
            self._finish(pending, Answer(pending.call.id, 503, problem=True, detail="the model has failed"))
        self._queue.clear()
        self.settled.set()
        others, self.workers = self.workers, []
        for worker in others:
            self._own(worker.stop())

    def _settle_calls(self, worker: Worker, reason: str) -> None:
        culprit = worker.running_call()
        held = list(worker.in_flight.values())
        worker.in_flight.clear()
        in_batch = self._batch_size > 1 and len(held) > 1
        for pending in reversed(held):
            if not pending.wanted or pending.call.id not in self.pending:
                continue
            guilty = pending.call.id == culprit or pending.stream is not None
            if not guilty and pending.attempts + 1 < MAX_ATTEMPTS and self.state != "stopped":
                pending.attempts += 1
                pending.call.alone = in_batch  # whichever of a batch killed the worker shall fail alone
                self._queue.appendleft(pending)
                continue
            detail = "the worker ended while it ran this prediction"
            failure = f"{self.name}: the worker ended ({reason})"
            self._finish(pending, Answer(pending.call.id, 500, problem=True, detail=detail, failure=failure))

    def failure(self) -> ModelLoadError | None:
        """Why the model cannot be served, if it cannot."""
        return ModelLoadError(self.error) if self.state == "failed" else None
