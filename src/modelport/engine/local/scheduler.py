"""The bounded queue of one model, and the rules by which its calls meet its workers.

A worker has credit: how many calls it may hold at once. Slow models have one, so that nothing waits
behind a call while another worker is free; models that answer in microseconds get as many as they answer
in about two milliseconds, so that one frame carries several; models that take batches get a batch, only
when they are idle, unless a whole one waits for the only worker.

What must hold: each call that is taken is answered once, whatever happens to its client or its worker; a
client's files go when nobody writes or reads them any more; one bad call costs no other its answer. What
stands in the way, and what is done about it:

- *The client leaves, or the deadline passes, while the worker computes.* The call is answered in the
  worker's place, and stays with the worker as one that nobody wants: what the worker says of it later is
  dropped, and only then do its files go.
- *A call that nobody wants does not end.* After the grace its worker is killed; but not while that runs
  another call, or has one in its batch, that somebody waits for. Then it is looked at again, and if it is the
  call of a thread, beside which others run, the worker gets no more calls until then (`blame.py`).
- *The worker dies.* Shared memory says which call it ran: a 500. What only waited goes back to the front.
- *It dies and nobody can say of which call*, as with a batch, or several threads. Each is tried again alone.
  The one that ends a worker with no other call to blame, twice, is the one.
- *It dies while it streams.* The client has seen the beginning: nothing is tried again, the stream fails.
- *A worker answers a call that it was not given.* It is broken, or worse: `FrameError`, and whoever reads its
  frames ends it.
- *A call cannot be sent*, being larger than a frame. Each that was to share its frame is sent alone.
- *A burst arrives in one turn of the loop.* Work is handed out once, after it, and not all to one worker.
- *The clients of a batch come back together, one read after another.* A batch waits a few turns of the loop
  while each makes it larger, never for time to pass; only what the model or batching asks for waits for
  time, and no longer than from the arrival of its oldest call.
- *A timer for each call would cost more than a fast call.* All calls may take equally long, so `pending` is
  in the order of the deadlines, and one timer looks at its beginning. A stream that moves gets a new
  deadline, and its place at the end.
- *The workers are gone for good*, or the server stops. Every call is answered, and `drained` waits for that.

Why one thread and no locks: everything here happens in callbacks of the event loop, each of which leaves
queue, `pending` and the workers' `in_flight` in agreement. Whether a call is answered is not asked of a
flag: `Pending` gives its receiver away with the first answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.signature import Signature
from modelport.engine.local.blame import Owner, Verdict, say_hung, say_stream_failed, suspects, verdict_on
from modelport.engine.local.free_workers import FreeWorkers
from modelport.engine.local.worker_process import Worker
from modelport.engine.pending import BEFORE_IT_RAN, KILLED, STOPPED, Deliver, Pending
from modelport.engine.spans import note_sent
from modelport.settings import Settings
from modelport.settings.groups.mlup import Mode
from modelport.worker.frames import Acknowledge, FrameError, Kind

FRAME_MICROS = 2000  # how much work one frame to a fast model may carry
MAX_CREDIT = 64
MAX_TURNS = 16  # of the event loop, for which a batch waits that each of them makes larger
MAX_ATTEMPTS = 2
MAX_FRAME_BYTES = 16 << 20  # of bodies in one frame, so that large requests go one by one
NEVER = 1e9


class Scheduler:
    """Every call of one model that is not answered yet: waiting, running or streaming.

    Each call that `submit` takes is answered exactly once, whatever happens to its worker.
    """

    def __init__(self, name: str, settings: Settings, pool: Owner):
        self.name = name
        self.pending: dict[int, Pending] = {}  # by age of the deadline
        self.last_asked = 0.0
        self._pool = pool
        self.free = FreeWorkers()
        self._queue: deque[Pending] = deque()
        self._loop = asyncio.get_running_loop()
        self._dispatching = False
        self._turns = self._seen = 0  # for which the batch that is next has waited, and its calls by then
        self._batch_timer: asyncio.TimerHandle | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._service_micros = 1_000_000.0  # a guess that gives every worker one call until we know
        self._batch_size = 1
        self._fill = 1  # so many waiting calls are a batch that waits for no more
        self._max_wait = 0.0
        self._at_once = 1  # calls that one worker runs at the same time
        self.use(settings)
        self._empty = asyncio.Event()
        self._empty.set()

    def use(self, settings: Settings) -> None:
        """Keep to these settings from now on."""
        self.settings = settings
        self._seconds = settings.timeout or NEVER  # that a call may take

    def set_batches(self, signature: Signature) -> None:
        """Keep to what the model says of batches, or batching, and of calls side by side."""
        operation = signature.predict
        self._batch_size = self._fill = max(1, operation.max_batch_size)
        self._max_wait = operation.max_wait_ms / 1000
        self._at_once = max(1, operation.max_concurrency, signature.stream.max_concurrency)
        if self.settings.mode == Mode.BATCHING:
            self._fill = min(self._batch_size, self.settings.min_batch_len)
            self._max_wait = self.settings.batch_worker_timeout

    @property
    def waiting(self) -> int:
        """How many calls no worker has yet."""
        return len(self._queue)

    def submit(self, call: Call, deliver: Deliver) -> Pending:
        """Queue a call; `deliver` gets its answer, once."""
        now = self.last_asked = self._loop.time()
        pending = Pending(call, deliver, now, now + self._seconds)
        if not self.pending:
            self._empty.clear()
        self.pending[call.id] = pending
        self._queue.append(pending)
        if not self._dispatching:
            self.wake()
        if self._deadline_timer is None:
            self._deadline_timer = self._loop.call_at(pending.deadline, self._on_deadline)
        return pending

    def cancel(self, pending: Pending) -> None:
        """The client has left: the call is dropped from the queue, or stopped where it runs."""
        worker = self._give_up(pending, Answer(pending.call.id, GIVEN_UP))
        if worker is not None:
            self._loop.call_later(self.settings.kill_grace, self._kill_if_hung, worker, pending)

    def answer_all(self, status: int, detail: str) -> None:
        """Answer every call with an error: there will be no worker for them."""
        self._queue.clear()
        for pending in list(self.pending.values()):
            self._finish(pending, Answer(pending.call.id, status, problem=True, detail=detail))

    async def drained(self) -> None:
        """Wait until every call is answered."""
        await self._empty.wait()

    def close(self) -> None:
        """Let go of the timers."""
        for timer in (self._batch_timer, self._deadline_timer):
            if timer is not None:
                timer.cancel()

    def _give_up(self, pending: Pending, answer: Answer) -> Worker | None:
        """Answer in place of the worker, and stop it if the call runs. Returns the worker that has it."""
        pending.wanted = False
        worker: Worker | None = pending.worker
        self._finish(pending, answer)
        if worker is not None and pending.call.id in worker.in_flight:
            pending.cancellation = worker.cancel(pending.call.id)
            return worker
        pending.let_go(BEFORE_IT_RAN)
        with contextlib.suppress(ValueError):  # it had been answered already
            self._queue.remove(pending)
        return None

    def _finish(self, pending: Pending, answer: Answer) -> None:
        if pending.stream is not None:
            pending.stream.put(Chunk(answer.id, end=True, error=answer.detail, status=answer.status))
        pending.answer(answer)
        self._forget(answer.id)

    def _forget(self, call_id: int) -> None:
        self.pending.pop(call_id, None)
        if not self.pending:
            self._empty.set()

    # -- from the queue to workers -----------------------------------------------------------------

    def wake(self) -> None:
        """Look for work to hand out, soon: once for all the calls that arrive in this turn of the loop."""
        if not self._dispatching:
            self._dispatching = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        if self._grows():
            self._loop.call_soon(self._look)
            return
        self._dispatching, self._turns, self._seen = False, 0, 0
        self._dispatch()

    def _grows(self) -> bool:
        """True while it pays to read what has arrived before an idle worker gets its batch.

        The clients of the batch before are just being answered, and come back all at once. A call that is
        alone never waits, and none waits for time to pass.
        """
        waiting = len(self._queue)
        if not self._seen < waiting < self._batch_size or waiting == 1 or self._turns == MAX_TURNS:
            return False
        self._seen = waiting
        self._turns += 1
        return self.free.freest(self._batch_size, waiting) is not None

    def _dispatch(self) -> None:
        queue = self._queue
        while queue:
            worker = self.free.freest(self._batch_size, len(queue))
            if worker is None:
                return
            room = self._room(worker)
            if room <= 0 or (self._batch_size > 1 and self._wait_for_more(queue[0])):
                return
            if worker.in_flight and queue[0].call.alone:
                return
            taken = self._take(room)
            for pending in taken:
                pending.worker = worker
                worker.in_flight[pending.call.id] = pending
            self.free.note(worker)
            self._pool.counted.sent(taken, self._loop.time())
            self._send(worker, taken)

    def _send(self, worker: Worker, taken: list[Pending]) -> None:
        try:
            note_sent(taken, worker.pid)
            worker.send(Kind.CALLS, [pending.call for pending in taken])
        except FrameError as error:  # each by itself, so that only the one fails that cannot be sent
            for pending in taken:
                if len(taken) > 1:
                    self._send(worker, [pending])
                    continue
                del worker.in_flight[pending.call.id]
                self.free.note(worker)
                self._finish(pending, Answer(pending.call.id, 400, problem=True, detail=str(error)))

    def _room(self, worker: Worker) -> int:
        """How many calls the worker, which is the freest, can be given."""
        if self._batch_size > 1:
            return self._batch_size
        fast = min(MAX_CREDIT, int(FRAME_MICROS / max(self._service_micros, 1.0)))
        return (self._at_once if self._at_once > 1 else max(1, fast)) - len(worker.in_flight)

    def _wait_for_more(self, oldest: Pending) -> bool:
        """True while a batch may still fill; a timer looks again when the oldest call has waited enough."""
        if len(self._queue) >= self._fill or oldest.call.alone:
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
        if self._batch_size == 1 and self.free.ready > 1:
            room = min(room, -(-len(queue) // self.free.ready))  # leave some for the other workers
        taken: list[Pending] = []
        size = 0
        while queue and len(taken) < room:
            call = queue[0].call
            size += call.size
            if taken and (call.alone or size > MAX_FRAME_BYTES):
                break
            taken.append(queue.popleft())
            if call.alone:
                break
        return taken

    # -- from workers to those who wait ------------------------------------------------------------

    def on_answers(self, worker: Worker, answers: list[Answer]) -> None:
        """Deliver what a worker has answered, and give it more. Raises `FrameError` for a foreign answer."""
        self._pool.counted.answered(answers, together=self._batch_size > 1)
        if len(self._queue) >= self._batch_size > 1:  # it predicts the next batch while these are delivered
            ended = [(answer, self._settle(worker, answer)) for answer in answers]
            self.free.note(worker)
            self._dispatch()
            for answer, pending in ended:
                self._deliver(pending, answer)
            return
        for answer in answers:
            self._deliver(self._settle(worker, answer), answer)
        self.free.note(worker)
        if self._queue and self._batch_size == 1:
            self._dispatch()
        elif self._queue:
            self.wake()

    def _settle(self, worker: Worker, answer: Answer) -> Pending:
        """The call of an answer, which the worker has no longer, unless it streams."""
        pending = worker.in_flight.get(answer.id)
        if pending is None:
            raise FrameError("it answered a call that it was not given")
        if answer.stream:
            if pending.wanted:
                pending.begin_stream(worker.send)
                self._live_on(pending)
            return pending
        worker.let_go(answer.id)
        if answer.micros and self._batch_size == 1:
            self._service_micros += 0.2 * (answer.micros - self._service_micros)
        return pending

    def _deliver(self, pending: Pending, answer: Answer) -> None:
        if answer.stream or pending.wanted:
            pending.answer(answer)
            if not answer.stream:
                self._forget(answer.id)
        else:  # it was answered when it was given up
            self._pool.discard(answer.id)
            pending.let_go(STOPPED)

    def on_chunk(self, worker: Worker, chunk: Chunk) -> None:
        """Pass on a piece of a streamed answer."""
        pending = worker.in_flight.get(chunk.id)
        if pending is None:
            return
        self._pool.tally.pieces += bool(chunk.data)
        if chunk.failure:
            say_stream_failed(pending.call, chunk, self._pool)
        if pending.stream is not None:
            pending.stream.put(chunk)
        else:
            worker.send(Kind.ACKNOWLEDGE, Acknowledge(chunk.id, 1))  # nobody reads; let it see the cancel
        if chunk.end:
            worker.let_go(chunk.id)
            self.free.note(worker)
            self._forget(chunk.id)
            if not pending.wanted:
                self._pool.discard(chunk.id)
            if self._queue:
                self._dispatch()
        elif chunk.id in self.pending:
            self._live_on(pending)

    def _live_on(self, pending: Pending) -> None:
        """A stream lives as long as it moves; one that waits for its client, as long as its session does."""
        pending.deadline = self._loop.time() + (NEVER if pending.pieces is not None else self._seconds)
        self.pending[pending.call.id] = self.pending.pop(pending.call.id)

    # -- deadlines and deaths ----------------------------------------------------------------------

    def _on_deadline(self) -> None:
        self._deadline_timer = None
        now = self._loop.time()
        for pending in list(self.pending.values()):
            if pending.deadline > now:
                self._deadline_timer = self._loop.call_at(pending.deadline, self._on_deadline)
                return
            detail = f"the prediction took longer than {self.settings.timeout:g} s"
            worker = self._give_up(pending, Answer(pending.call.id, 504, problem=True, detail=detail))
            if worker is not None:
                self._loop.call_later(self.settings.kill_grace, self._kill_if_hung, worker, pending)

    def _kill_if_hung(self, worker: Worker, pending: Pending) -> None:
        if worker.lost or not (pending.call.id in worker.in_flight or worker.retiring):
            return
        verdict = verdict_on(worker, pending, self._pool.workers)
        if verdict is Verdict.KILL:
            say_hung(pending.call, self._pool, "its worker is killed")
            worker.hung = pending.call.id
            worker.kill("a prediction hung")
            return
        if verdict is Verdict.RETIRE and not worker.retiring:
            said = "its worker gets no more calls, and ends after those that it has"
            say_hung(pending.call, self._pool, said)
            self._pool.retire(worker)
        self._loop.call_later(self.settings.kill_grace, self._kill_if_hung, worker, pending)

    def on_lost(self, worker: Worker, reason: str, *, retry: bool) -> None:
        """A worker has ended: the call that ended it is answered 500, what only waited is queued again.

        Where it cannot be told which call it was, each is tried again by itself: the one that ends a
        worker once more, with no other call to blame, is the one.
        """
        blamed = suspects(worker)
        held = list(worker.in_flight.values())
        worker.in_flight.clear()
        for pending in reversed(held):
            if not pending.wanted:
                self._pool.discard(pending.call.id)
                pending.let_go(KILLED if worker.kill_reason else reason)
                continue
            guilty = blamed == {pending.call.id} or pending.stream is not None
            if not guilty and (not blamed or pending.call.id in blamed):
                pending.call.alone = True
                pending.attempts += len(held) == 1
            if guilty or pending.attempts >= MAX_ATTEMPTS or not retry:
                self._fail(pending, reason, worker.told)
            else:
                self._queue.appendleft(pending)

    def _fail(self, pending: Pending, reason: str, told: str) -> None:
        pending.lost = reason
        detail = "the worker ended while it ran this prediction" + (told and f": {told}")
        failure = f"{self.name}: the worker ended ({reason})"
        self._finish(pending, Answer(pending.call.id, 500, problem=True, detail=detail, failure=failure))
