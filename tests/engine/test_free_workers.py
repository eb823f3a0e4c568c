"""The groups of free workers say what a look at each worker would, whatever happens in whichever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelport.contract.calls import Call
from modelport.contract.current_worker import CurrentWorker
from modelport.engine.local.free_workers import FreeWorkers
from modelport.engine.local.thread import InThread
from modelport.engine.local.worker_process import Worker
from modelport.engine.pending import Pending
from modelport.worker.frames import Load
from tests.engine.freest import freest

WHO = st.integers(0, 69)  # more than fit into 64 bits
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("is ready"), WHO, st.just(0)),
        st.tuples(st.just("is away"), WHO, st.just(0)),
        st.tuples(st.just("is replaced"), WHO, st.just(0)),
        st.tuples(st.just("is given"), WHO, st.integers(1, 9)),
        st.tuples(st.just("is given one alone"), WHO, st.just(1)),
        st.tuples(st.just("answers"), WHO, st.integers(1, 9)),
    ),
    max_size=60,
)


class Crew:
    """Workers without a place to run, and the groups that they are in."""

    def __init__(self, size: int):
        self.free = FreeWorkers()
        self.workers = [self.new(number) for number in range(size)]
        self.calls = 0

    def new(self, number: int) -> Worker:
        nobody: Any = None
        load = Load("m", "module", "m", "", "", worker=CurrentWorker(number=number))
        worker = Worker(nobody, load, InThread("m"))
        worker.on_turn = self.free.turn
        worker.ready = number % 2 == 0
        return worker

    def step(self, what: str, who: int, how: int) -> None:
        worker = self.workers[who % len(self.workers)]
        if what in ("is ready", "is away"):
            worker.ready = what == "is ready"
        elif what == "is replaced":
            worker.ready = False
            self.workers[worker.number] = self.new(worker.number)
        elif what == "answers":
            for call in list(worker.in_flight)[:how]:
                worker.let_go(call)
        elif what == "is given one alone" and not worker.in_flight:
            self.give(worker, how, alone=True)
        elif what == "is given" and not any(pending.call.alone for pending in worker.in_flight.values()):
            self.give(worker, how, alone=False)
        self.free.note(worker)

    def give(self, worker: Worker, calls: int, *, alone: bool) -> None:
        for _ in range(calls):
            self.calls += 1
            call = Call(self.calls, alone=alone)
            worker.in_flight[call.id] = Pending(call, lambda pending, answer: None, 0.0, 0.0)


@given(size=st.integers(1, 70), steps=STEPS)
def test_the_groups_know_what_a_look_at_each_would_find(size: int, steps: list[tuple[str, int, int]]) -> None:
    crew = Crew(size)
    for step in steps:
        crew.step(*step)
        assert crew.free.ready == sum(worker.ready for worker in crew.workers)
        for batch, waiting in ((1, 5), (4, 3), (4, 4), (40, 80)):
            assert crew.free.freest(batch, waiting) is freest(crew.workers, batch, waiting)
