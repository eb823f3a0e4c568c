"""Two stores on one database under any sequence of operations, beside a model of what must come of it.

The invariants: a confirmed job is there until it is pruned (K1); one job for a key (K2); states keep to
their ways, and an end is never left (K3); a revision never falls (K4); an accepted end has the highest token
that was granted (K5); events have no gaps.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import making
from hypothesis import strategies as some
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from modelport.jobs.errors import IdempotencyConflict, RetryRefused
from modelport.jobs.records import Job, Outcome
from modelport.jobs.states import ENDED, TERMINAL, TRANSITIONS, State
from modelport.jobs.store import JobStore

T = TypeVar("T")
LEASE = 10.0
OWNERS = ("ann", "bob")
stores = some.integers(0, 1)


@dataclass
class Known:
    """What the model knows of a job."""

    id: str
    max_attempts: int
    number: int = 0
    state: State = State.QUEUED
    attempt: int = 0
    tokens: list[int] = field(default_factory=list[int])
    token_of: dict[int, set[int]] = field(default_factory=dict[int, set[int]])  # by attempt
    owner: str = ""
    lease_until: float = 0.0
    asked: bool = False
    result: bytes = b""
    finished_at: float = 0.0
    events: int = 1
    revision: int = 1

    def move(self, *states: State) -> None:
        """Each state is an event and a revision."""
        for state in states:
            assert state in TRANSITIONS[self.state]
            self.state = state
            self.events += 1
            self.revision += 1


class Machine(RuleBasedStateMachine):
    """Subclasses say where the database is."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def new_database(self) -> str:
        """Where an empty database is."""
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        self.clock = making.Clock()
        self.runner = asyncio.Runner()
        self.where = self.new_database()
        self.known: dict[str, Known] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.numbers = itertools.count(1)
        self.last_token = 0
        self.stores = [self._open(), self._open()]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _open(self) -> JobStore:
        return self.run(JobStore.open(self.where, clock=self.clock))

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                self.run(store.close())
        if hasattr(self, "runner"):
            self.runner.close()

    # -- what may happen ---------------------------------------------------------------------------

    @precondition(lambda self: len(self.known) < 5)  # few jobs meet each other more often than many
    @rule(
        target=jobs,
        store=stores,
        attempts=some.integers(1, 4),
        priority=some.integers(0, 1),
        key=some.none() | some.sampled_from("xy"),
        request=some.sampled_from("hhhj"),
    )
    def submit(self, store: int, attempts: int, priority: int, key: str | None, request: str) -> Any:
        job_id = f"job{next(self.numbers)}"
        new = making.new_job(
            id=job_id,
            max_attempts=attempts,
            priority=-priority,
            requested_by="me",
            idempotency_key=key,
            request_hash=request,
        )
        first = self.keys.get(key) if key else None
        try:
            job, created = self.run(self.stores[store].submit(new))
        except IdempotencyConflict:
            assert first is not None and request != first[1]  # noqa: PT018
            return multiple()
        if first is not None:
            assert (created, job.id, request) == (False, *first)
            return job.id
        assert created
        self.known[job_id] = Known(job_id, attempts, number=job.number)
        if key:
            self.keys[key] = (job_id, request)
        return job_id

    @rule(target=claims, store=stores, owner=some.sampled_from(OWNERS), limit=some.integers(1, 3))
    def claim(self, store: int, owner: str, limit: int) -> Any:
        waiting = sum(job.state is State.QUEUED for job in self.known.values())
        granted = self.run(self.stores[store].claim(owner, limit, LEASE))
        assert len(granted) == min(limit, waiting)
        for one in granted:
            job = self.known[one.job.id]
            job.move(State.RUNNING)
            job.attempt += 1
            job.owner, job.lease_until = owner, self.clock.now + LEASE
            assert one.token > self.last_token
            self.last_token = one.token
            job.tokens.append(one.token)
            job.token_of.setdefault(job.attempt, set()).add(one.token)
            assert one.attempt == job.attempt
        return multiple(*((one.job.id, one.token, owner) for one in granted))

    def _fresh(self, claim: tuple[str, int, str]) -> Known | None:
        """The job, if the claim is the one that holds it now."""
        job = self.known.get(claim[0])
        if job is not None and job.state is State.RUNNING and job.tokens[-1] == claim[1]:
            return job
        return None

    @rule(store=stores, claim=claims)
    def heartbeat(self, store: int, claim: tuple[str, int, str]) -> None:
        job_id, token, owner = claim
        beat = self.run(self.stores[store].heartbeat(owner, {job_id: token}, LEASE))
        job = self._fresh(claim)
        assert beat.alive == ({job_id} if job else set())
        assert beat.cancel_requested == ({job_id} if job and job.asked else set())
        if job:
            job.lease_until = self.clock.now + LEASE

    @rule(seconds=some.sampled_from([1.0, 6.0, 11.0]))
    def advance_clock(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(store=stores, claim=claims, lines=some.integers(0, 3))
    def append(self, store: int, claim: tuple[str, int, str], lines: int) -> None:
        last = self.run(self.stores[store].append(claim[0], claim[1], [making.line(str(claim[1]))] * lines))
        job = self._fresh(claim)
        if job is None:
            assert last is None, "a stale attempt wrote"
            return
        job.events += lines
        job.revision += 1
        assert last == job.events

    @rule(
        store=stores,
        claim=claims,
        state=some.sampled_from([State.SUCCEEDED, State.FAILED, State.CANCELLED, State.INTERRUPTED]),
    )
    def finish(self, store: int, claim: tuple[str, int, str], state: State) -> None:
        job_id, token, _ = claim
        known = self.known.get(job_id)
        job = self._fresh(claim)
        result = str(token).encode()
        ended = self.run(self.stores[store].finish(job_id, token, Outcome(state=state, result=result)))
        if known is not None and known.asked and state is State.SUCCEEDED:
            state, result = State.CANCELLED, b""  # it never succeeds once a cancellation was confirmed
        if job is None:
            if ended is not None:  # the same end, said again
                assert known is not None, "a job that was pruned has ended"
                assert (known.tokens[-1], known.state) == (token, state), "a stale attempt ended the job"
            return
        assert ended is not None
        assert token == max(job.tokens)
        job.move(state)
        job.finished_at, job.result = self.clock.now, result
        if state is State.INTERRUPTED:
            self._after_interruption(job)
        assert ended.state is job.state

    @rule(store=stores, claim=claims)
    def unclaim(self, store: int, claim: tuple[str, int, str]) -> None:
        """A server stops before the job's code has begun."""
        queued = self.run(self.stores[store].unclaim(claim[0], claim[1]))
        job = self._fresh(claim)
        assert (queued is None) == (job is None), "a stale attempt gave the job back"
        if job is None or queued is None:
            return
        job.move(State.QUEUED)
        job.attempt -= 1
        job.owner = ""
        if job.asked:
            job.move(State.CANCELLED)
            job.finished_at = self.clock.now
        assert (queued.state, queued.attempt) == (job.state, job.attempt)

    @rule(store=stores, claim=claims)
    def stop(self, store: int, claim: tuple[str, int, str]) -> None:
        """A server stops while the job's code runs."""
        how = Outcome(state=State.INTERRUPTED, status=503, error="stopped")
        stopped = self.run(self.stores[store].stop(claim[0], claim[1], how))
        job = self._fresh(claim)
        assert (stopped is None) == (job is None), "a stale attempt gave the job back"
        if job is None or stopped is None:
            return
        asked, left = job.asked, max(job.max_attempts - job.attempt, 0)
        job.move(State.INTERRUPTED)
        job.result = b""
        if job.max_attempts > 1:
            job.max_attempts = max(job.max_attempts, job.attempt) + 1
            assert asked or stopped.state is State.QUEUED
        self._after_interruption(job)
        if job.state is State.QUEUED:
            assert stopped.max_attempts - stopped.attempt == left + 1, "the stop cost an attempt"
        assert stopped.state is job.state

    def _after_interruption(self, job: Known) -> None:
        job.finished_at = self.clock.now
        if job.asked:
            job.move(State.CANCELLED)
            job.result = b""
        elif job.attempt < job.max_attempts:
            job.move(State.QUEUED)
            job.result, job.owner = b"", ""

    @rule(store=stores, job_id=jobs)
    def cancel(self, store: int, job_id: str) -> None:
        answer = self.run(self.stores[store].request_cancel(job_id))
        job = self.known.get(job_id)
        if job is None:
            assert answer is None
            return
        if job.state in (State.QUEUED, State.INTERRUPTED):
            job.move(State.CANCELLED)
            job.result, job.finished_at = b"", self.clock.now
        elif job.state is State.RUNNING and not job.asked:
            job.asked = True
            job.events += 1
            job.revision += 1
        assert answer is not None
        assert (answer.state, answer.revision) == (job.state, job.revision)

    @rule(store=stores, lost=some.sets(some.sampled_from(OWNERS), max_size=1))
    def rescue(self, store: int, lost: set[str]) -> None:
        rescued = self.run(self.stores[store].rescue(lost))
        gone = [
            job
            for job in self.known.values()
            if job.state is State.RUNNING and (job.owner in lost or job.lease_until < self.clock.now)
        ]
        assert [job.id for job in rescued] == [job.id for job in sorted(gone, key=lambda job: job.number)]
        for job in gone:
            job.move(State.INTERRUPTED)
            job.result = b""
            self._after_interruption(job)

    @rule(store=stores, job_id=jobs)
    def retry(self, store: int, job_id: str) -> None:
        job = self.known.get(job_id)
        try:
            answer = self.run(self.stores[store].retry(job_id))
        except RetryRefused:
            assert job is not None
            assert job.state is not State.INTERRUPTED
            return
        if job is None:
            assert answer is None
            return
        job.move(State.QUEUED)
        job.result = b""

    @rule(store=stores, ago=some.sampled_from([0.0, 10.0]))
    def prune(self, store: int, ago: float) -> None:
        before = self.clock.now - ago
        removed = self.run(self.stores[store].prune(before))
        old = [job for job in self.known.values() if job.state in ENDED and job.finished_at < before]
        assert removed == sorted(job.id for job in old)
        for job in old:
            del self.known[job.id]
        self.keys = {key: first for key, first in self.keys.items() if first[0] in self.known}

    @rule(store=stores)
    def crash_and_reopen(self, store: int) -> None:
        self.run(self.stores[store].close())
        self.stores[store] = self._open()

    @rule(target=claims, store=stores, claim=claims)
    def stall(self, store: int, claim: tuple[str, int, str]) -> Any:
        """A server says nothing for longer than its lease, and its jobs go to another; it wakes up later."""
        self.clock.now += LEASE + 1
        self.rescue(store, set())
        return self.claim(1 - store, OWNERS[claim[2] == OWNERS[0]], 3)

    @rule(store=stores, job_id=jobs)
    def read_events(self, store: int, job_id: str) -> None:
        events = self.run(self.stores[store].events(job_id, limit=10_000))
        known = self.known.get(job_id)
        if known is None:
            assert not events
            return
        assert [event.sequence for event in events] == list(range(1, known.events + 1))
        states = [State(event.data["state"]) for event in events if event.type == "state"]
        ways = [pair for pair in itertools.pairwise(states) if pair[0] is not pair[1]]
        assert all(after in TRANSITIONS[before] for before, after in ways)
        assert not TERMINAL & set(states[:-1])
        assert states[-1] is known.state
        for event in events:  # what an attempt said stands between its beginning and its end
            if event.type == "log":
                assert int(event.data["line"]) in known.token_of[event.attempt]

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def every_store_shows_what_was_confirmed(self) -> None:
        if not hasattr(self, "stores"):
            return
        for store in self.stores:
            found = self.run(store.list(limit=1000, with_call=True)).jobs
            assert {job.id for job in found} == set(self.known)
            for job in found:
                self._check(job, self.known[job.id])

    def _check(self, job: Job, known: Known) -> None:
        assert (job.state, job.attempt) == (known.state, known.attempt)
        assert (job.revision, job.last_event) == (known.revision, known.events)
        assert job.token == (known.tokens[-1] if known.tokens else 0)
        assert job.cancel_requested == known.asked
        assert (job.outcome is not None) == (job.state in ENDED)
        assert (job.outcome.result if job.outcome else b"") == known.result
