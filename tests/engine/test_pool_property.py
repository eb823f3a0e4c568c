"""Whatever happens in whichever order, every call is answered exactly once, and with its own answer.

The pool is the real one; its workers are played by the test, and its clock is moved by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from modelport.contract.calls import Answer, Call
from modelport.contract.signature import Operation, Signature
from modelport.engine.local.engine import LocalEngine
from modelport.engine.local.pool import ModelPool
from modelport.engine.local.scheduler import Scheduler
from modelport.engine.local.worker_process import Worker
from modelport.engine.pending import Pending
from modelport.engine.ports import Refused
from modelport.settings import Settings
from modelport.sources.source import parse_sources
from modelport.worker.frames import Kind, Ready
from tests.engine.freest import freest

TIMEOUT = 5.0
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(1, 4)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("answer"), st.integers(0, 3)),
        st.tuples(st.just("crash"), st.integers(0, 3)),
        st.tuples(st.just("crash unseen"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.2, 1.1, TIMEOUT])),
    ),
    max_size=30,
)


class ManualClock(asyncio.SelectorEventLoop):
    """A loop whose time passes only when the test says so."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class PlayedWorker:
    """What a worker would do with its calls: nothing until the test says so."""

    def __init__(self, worker: Worker):
        self.worker = worker
        self.calls: list[Call] = []
        self.running = 0

    def answer(self, count: int) -> None:
        done, self.calls = self.calls[:count], self.calls[count:]
        answers = [Answer(c.id, body=str(c.id).encode(), micros=10) for c in done]
        if answers:
            self.worker.owner.on_frame(self.worker, Kind.ANSWERS, answers)

    def cancel(self, call_id: int) -> None:
        kept = [call for call in self.calls if call.id != call_id]
        if len(kept) < len(self.calls) and not self.worker.lost:
            self.calls = kept
            self.worker.owner.on_frame(self.worker, Kind.ANSWERS, [Answer(call_id, 499)])

    def crash(self, seen: bool) -> None:
        self.running = self.calls[0].id if seen and self.calls else 0
        self.worker.lost, self.worker.ready = True, False
        self.worker.owner.on_lost(self.worker, "played")


class Stage:
    """The workers that a pool has started, played."""

    def __init__(self, batch: int):
        operation = Operation(implemented=True, max_batch_size=batch, max_wait_ms=100.0 if batch > 1 else 0.0)
        self.signature = Signature(name="m", contract="typed", metadata={}, predict=operation)
        self.played: dict[Worker, PlayedWorker] = {}

    def alive(self) -> list[PlayedWorker]:
        return [p for p in self.played.values() if not p.worker.lost]

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        async def start(worker: Worker) -> None:
            self.played[worker] = PlayedWorker(worker)
            worker.owner.on_frame(worker, Kind.READY, Ready(self.signature, 0.0, 0.0))

        def send(worker: Worker, kind: Kind, message: Any) -> None:
            if kind == Kind.CALLS:
                self.played[worker].calls.extend(message)

        def cancel(worker: Worker, call_id: int) -> None:
            asyncio.get_running_loop().call_soon(self.played[worker].cancel, call_id)

        async def nothing(played: Any, **how: Any) -> None: ...

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "start", start)
            patch.setattr(Worker, "send", send)
            patch.setattr(Worker, "cancel", cancel)
            patch.setattr(Worker, "kill", lambda worker, reason: self.played[worker].crash(False))
            patch.setattr(Worker, "running_calls", lambda worker: {self.played[worker].running} - {0})
            patch.setattr(Worker, "stop", nothing)
            patch.setattr(Worker, "clean_up", nothing)
            patch.setattr(LocalEngine, "_watch", nothing)  # over processes, of which there are none
            yield


class Play:
    """One sequence of events, and what the callers saw of it."""

    def __init__(self, pool: ModelPool, stage: Stage, loop: ManualClock):
        self.pool = pool
        self.stage = stage
        self.loop = loop
        self.pendings: list[Pending] = []
        self.answers: dict[int, list[Answer]] = {}
        self.refused = 0

    async def turn(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        self.check_none_is_forgotten()
        self.check_who_is_next()

    def submit(self) -> None:
        call = Call(len(self.pendings) + self.refused + 1)
        self.answers[call.id] = []
        try:
            self.pendings.append(self.pool.submit(call, lambda p, a: self.answers[call.id].append(a)))
        except Refused:
            self.refused += 1
            del self.answers[call.id]

    async def step(self, what: str, how: Any) -> None:
        alive = self.stage.alive()
        if what == "submit":
            for _ in range(how):
                self.submit()
        elif what == "cancel" and self.pendings:
            pending = self.pendings[how % len(self.pendings)]
            if not self.answers[pending.call.id]:
                self.pool.cancel(pending)
        elif what == "answer" and alive:
            alive[how % len(alive)].answer(how + 1)
        elif what.startswith("crash") and alive and self.pool.restarts < 8:
            alive[how % len(alive)].crash(what == "crash")
        elif what == "wait":
            self.loop.now += how
        await self.turn()

    async def finish(self) -> None:
        """Let every worker come back and answer whatever it has, until nothing is left."""
        for _ in range(200):
            if all(self.answers.values()):
                return
            self.loop.now += 0.2
            await self.turn()
            for played in self.stage.alive():
                played.answer(100)
            await self.turn()

    def check_none_is_forgotten(self) -> None:
        """Whatever is not answered waits or runs: else only its deadline would answer it."""
        unanswered = sum(not answers for answers in self.answers.values())
        running = [p for worker in self.pool.workers for p in worker.in_flight.values() if p.wanted]
        assert unanswered == self.pool.scheduler.waiting + len(running), (
            "a call was forgotten or is there twice"
        )

    def check_who_is_next(self) -> None:
        """The call that is next finds its worker without a look at each, and finds the same."""
        free, batch = self.pool.scheduler.free, self.stage.signature.predict.max_batch_size
        for waiting in (1, batch):
            assert free.freest(batch, waiting) is freest(self.pool.workers, batch, waiting)

    def check(self) -> None:
        for call_id, answers in self.answers.items():
            assert len(answers) == 1, f"call {call_id} has {answers}"
            assert answers[0].id == call_id
            assert answers[0].status in (200, 499, 500, 504)
            if answers[0].status == 200:
                assert answers[0].body == str(call_id).encode()


def run_steps(workers: int, batch: int, steps: list[tuple[str, Any]]) -> None:
    """Play the steps to a new pool, and check what the callers saw."""

    async def play(spool: str) -> None:
        stage = Stage(batch)
        chosen = Settings(workers=workers, timeout=TIMEOUT, queue_size=10, spool_dir=spool)
        with stage.open():
            engine = LocalEngine(parse_sources(["m=some.module"]), chosen)
            await engine.start()
            played = Play(engine.pools["m"], stage, loop)
            await played.turn()
            for what, how in steps:
                await played.step(what, how)
            await played.finish()
            played.check()
            await engine.stop(at_once=True)

    with tempfile.TemporaryDirectory() as spool, asyncio.Runner(loop_factory=ManualClock) as runner:
        loop: Any = runner.get_loop()
        runner.run(play(spool))


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch"), [(1, 1), (2, 1), (2, 4)])
@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_every_call_is_answered_exactly_once(workers: int, batch: int, steps: list[tuple[str, Any]]) -> None:
    run_steps(workers, batch, steps)


# -- mistakes that a scheduler could make, and the proof that each of them would be found ----------------

settle, deliver, on_lost, give_up = (
    Scheduler._settle, Scheduler._deliver, Scheduler.on_lost, Scheduler._give_up
)  # fmt: skip


def answers_twice(scheduler: Scheduler, pending: Pending, answer: Answer) -> None:
    told = pending.deliver
    deliver(scheduler, pending, answer)
    told(pending, answer)


def answers_somebody_else(scheduler: Scheduler, worker: Worker, answer: Answer) -> Pending:
    *_, last = worker.in_flight.values()
    pending = worker.in_flight[answer.id]
    last.deliver, pending.deliver = pending.deliver, last.deliver
    return settle(scheduler, worker, answer)


def forgets_what_a_lost_worker_had(scheduler: Scheduler, worker: Worker, reason: str, *, retry: bool) -> None:
    worker.in_flight.clear()
    on_lost(scheduler, worker, reason, retry=retry)


def queues_one_twice(scheduler: Scheduler, worker: Worker, reason: str, *, retry: bool) -> None:
    on_lost(scheduler, worker, reason, retry=retry)
    if scheduler._queue:
        scheduler._queue.append(scheduler._queue[-1])


def leaves_what_was_given_up_in_the_queue(scheduler: Scheduler, pending: Pending, answer: Answer) -> Any:
    queued = pending in scheduler._queue
    worker = give_up(scheduler, pending, answer)
    if queued:
        scheduler._queue.append(pending)
    return worker


@pytest.mark.parametrize(
    ("place", "mistake", "batch", "found"),
    [
        ("_deliver", answers_twice, 1, r"call \d+ has \[Answer"),
        ("_settle", answers_somebody_else, 4, r"assert \d+ == \d+"),
        ("on_lost", forgets_what_a_lost_worker_had, 1, "a call was forgotten"),
        ("on_lost", queues_one_twice, 1, "a call was forgotten or is there twice"),
        ("_give_up", leaves_what_was_given_up_in_the_queue, 1, "or is there twice"),
    ],
)
def test_a_scheduler_with_a_mistake_is_found_out(
    monkeypatch: pytest.MonkeyPatch, place: str, mistake: Callable[..., Any], batch: int, found: str
) -> None:
    monkeypatch.setattr(Scheduler, place, mistake)

    @settings(max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(steps=STEPS)
    def play(steps: list[tuple[str, Any]]) -> None:
        run_steps(2, batch, steps)

    with pytest.raises(AssertionError, match=found):
        play()
