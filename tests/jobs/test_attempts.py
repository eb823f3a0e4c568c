"""Claiming, reporting, ending, and losing: what an attempt may write, and what the next one finds."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

import pytest
from making import Clock, line, new_job, running, states_of
from postgres_server import Postgres

from modelport.jobs.deliveries import WEBHOOKS
from modelport.jobs.records import Claim, Job, NewEvent, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore

pytestmark = pytest.mark.anyio
SUCCEEDED = Outcome(state=State.SUCCEEDED, result=b"\x00\xff", result_type="image/png")
INTERRUPTED = Outcome(state=State.INTERRUPTED, status=503, error="gone", ended_by="lost")


async def test_claims_go_by_priority_then_by_age_and_only_to_models_that_are_served(store: JobStore) -> None:
    low, high, other, late = [
        (await store.submit(new_job(priority=priority, model=model)))[0].id
        for priority, model in ((0, "a"), (5, "a"), (9, "b"), (5, "a"))
    ]
    first = await store.claim("one", 2, 15.0, ["a", "c"])
    assert [claim.job.id for claim in first] == [high, late]
    rest = await store.claim("two", 5, 15.0)
    assert [claim.job.id for claim in rest] == [other, low]
    assert await store.claim("one", 5, 15.0) == []
    assert await store.claim("one", 5, 15.0, []) == []
    tokens = [claim.token for claim in (*first, *rest)]
    assert tokens == sorted(set(tokens))
    assert tokens[0] > 0
    for claim, owner in zip((*first, *rest), ("one", "one", "two", "two"), strict=True):
        job = await store.get(claim.job.id)
        assert job == claim.job
        assert (job.state, job.owner, job.token, job.attempt) == (State.RUNNING, owner, claim.token, 1)
        assert job.started_at is not None


async def test_two_servers_never_get_the_same_job(store: JobStore, where: str) -> None:
    other = await JobStore.open(where)
    ids = {(await store.submit(new_job()))[0].id for _ in range(60)}
    takes = [one.claim(f"server {place % 2}", 2, 15.0) for place, one in enumerate([store, other] * 20)]
    claims = [claim for taken in await asyncio.gather(*takes) for claim in taken]
    rest = await store.claim("one", 100, 15.0)  # a claim passes over rows that another one has locked
    taken = [claim.job.id for claim in (*claims, *rest)]
    assert sorted(taken) == sorted(ids)
    assert len({claim.token for claim in (*claims, *rest)}) == 60
    await other.close()


async def test_events_are_numbered_without_gaps_and_read_from_anywhere(store: JobStore) -> None:
    claim = await running(store)
    job_id, token = claim.job.id, claim.token
    metric = NewEvent(type="metric", data={"name": "loss", "value": math.nan, "step": 3})
    progress = NewEvent(type="progress", data={"done": 2, "total": 8, "message": "epoch\0 2"}, at=5.0)
    assert await store.append(job_id, token, [line("a"), metric, progress]) == 5
    assert await store.append(job_id, token, []) == 5
    many = await asyncio.gather(*(store.append(job_id, token, [line(str(n)), line("x")]) for n in range(50)))
    assert sorted(last for last in many if last) == list(range(7, 107, 2))
    await store.finish(job_id, token, SUCCEEDED)
    events = await store.events(job_id)
    assert [event.sequence for event in events] == list(range(1, 107))
    assert [event.type for event in events[:5]] == ["state", "state", "log", "metric", "progress"]
    assert (events[4].at, events[4].attempt, events[4].job_id) == (5.0, 1, job_id)
    assert events[2].data == {"line": "a"}
    assert [event.sequence for event in await store.events(job_id, after=104)] == [105, 106]
    assert [event.sequence for event in await store.events(job_id, after=1, limit=2)] == [2, 3]
    kinds = await store.events(job_id, types={"state", "metric"})
    assert [event.sequence for event in kinds] == [1, 2, 4, 106]
    assert len(await store.events(job_id, types={"log"})) == 101
    (logged,), more = await store.metrics(job_id, lambda found, more: (found, more), limit=10)
    assert more is None
    assert (logged.name, logged.step, logged.attempt) == ("loss", 3, 1)
    assert logged.value is not None
    assert math.isnan(logged.value)
    job = await store.get(job_id)
    assert job is not None
    assert (job.done, job.total, job.message) == (2.0, 8.0, "epoch\ufffd 2")
    assert list(await store.events("nothing")) == []


async def test_an_end_is_stored_once_and_for_ever(store: JobStore) -> None:
    claim = await running(store)
    ended = await store.finish(claim.job.id, claim.token, SUCCEEDED)
    assert ended is not None
    assert ended.state is State.SUCCEEDED
    found = await store.get(claim.job.id)
    assert found is not None
    assert found.outcome == SUCCEEDED
    assert found.finished_at is not None
    again = await store.finish(claim.job.id, claim.token, SUCCEEDED)  # its answer may have been lost
    assert again is not None
    assert await store.finish(claim.job.id, claim.token, Outcome(state=State.FAILED, status=500)) is None
    assert await store.append(claim.job.id, claim.token, [line("late")]) is None
    assert (await store.heartbeat("one", {claim.job.id: claim.token}, 15.0)).alive == set()
    cancelled = await store.request_cancel(claim.job.id)
    assert cancelled is not None
    assert cancelled.state is State.SUCCEEDED
    assert await store.rescue({"one"}) == []
    assert await store.get(claim.job.id) == found
    assert await states_of(store, claim.job.id) == ["queued", "running", "succeeded"]
    assert await store.finish("nothing", 1, SUCCEEDED) is None


async def test_a_stale_attempt_writes_nothing(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    old = await running(store, owner="one", max_attempts=2)
    clock.now += 16
    (job,) = await store.rescue()
    assert (job.id, job.state) == (old.job.id, State.QUEUED)
    for _ in range(2):  # while it waits, and while it runs again
        before = await store.get(old.job.id)
        assert await store.append(old.job.id, old.token, [line("stale")]) is None
        assert await store.finish(old.job.id, old.token, SUCCEEDED) is None
        assert (await store.heartbeat("one", {old.job.id: old.token}, 15.0)).alive == set()
        assert await store.get(old.job.id) == before
        new = await store.claim("one", 1, 15.0)  # even the same server may not mix up its attempts
    assert new == []
    job = await store.get(old.job.id)
    assert job is not None
    assert job.token > old.token
    assert await store.finish(old.job.id, job.token, SUCCEEDED) is not None
    assert await states_of(store, old.job.id) == [
        "queued",
        "running",
        "interrupted",
        "queued",
        "running",
        "succeeded",
    ]
    await store.close()


async def test_a_lease_holds_while_it_is_renewed(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    claim = await running(store, lease=10.0, max_attempts=5)
    for _ in range(5):
        clock.now += 9
        assert await store.rescue() == []
        assert (await store.heartbeat("one", {claim.job.id: claim.token}, 10.0)).alive == {claim.job.id}
        assert (await store.heartbeat("two", {claim.job.id: claim.token}, 10.0)).alive == set()
    clock.now += 10.5
    assert await store.rescue(grace=5.0) == []
    assert await store.rescue({"somebody else"}, grace=5.0) == []
    (job,) = await store.rescue({"one"}, grace=5.0)
    assert (job.state, job.owner, job.outcome) == (State.QUEUED, "", None)
    await store.close()


@pytest.mark.parametrize("by", ["its server", "another server"])
async def test_a_lost_job_runs_again_while_its_attempts_allow(store: JobStore, by: str) -> None:
    job, _ = await store.submit(new_job(max_attempts=2))
    for attempt, expected in ((1, State.QUEUED), (2, State.INTERRUPTED)):
        (claim,) = await store.claim("one", 1, 15.0)
        assert claim.attempt == attempt
        if by == "its server":
            lost = await store.finish(job.id, claim.token, INTERRUPTED)
        else:
            (lost,) = await store.rescue({"one"})
        assert lost is not None
        assert lost.state is expected
    resting = await store.get(job.id)
    assert resting is not None
    assert resting.outcome is not None
    assert resting.outcome.error
    assert resting.finished_at is not None
    assert await store.claim("one", 1, 15.0) == []
    cancelled = await store.request_cancel(job.id)
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED


@pytest.mark.parametrize("by", ["its server", "another server"])
async def test_a_job_that_was_to_stop_is_not_run_again(store: JobStore, by: str) -> None:
    claim = await running(store, max_attempts=9)
    await store.request_cancel(claim.job.id)
    if by == "its server":
        ended = await store.finish(claim.job.id, claim.token, INTERRUPTED)
    else:
        (ended,) = await store.rescue({"one"})
    assert ended is not None
    assert ended.state is State.CANCELLED
    assert await store.claim("one", 1, 15.0) == []
    assert (await states_of(store, claim.job.id))[-2:] == ["interrupted", "cancelled"]


async def test_the_clock_of_the_server_does_not_matter_on_postgresql(
    postgres: Postgres, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = postgres.new_database()
    one, two = await JobStore.open(where), await JobStore.open(where)
    claim = await running(one, lease=60.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600)  # somebody sets the clock of this machine
    assert await two.rescue() == []
    beat = await two.heartbeat("one", {claim.job.id: claim.token}, 60.0)
    assert beat.alive == {claim.job.id}
    job, _ = await two.submit(new_job())
    assert job.created_at < real() + 300
    await asyncio.gather(one.close(), two.close())


async def test_setting_the_clock_ends_no_lease_on_sqlite(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await JobStore.open(tmp_path / "jobs.sqlite")
    claim = await running(store, lease=60.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600)
    assert await store.rescue() == []
    job = await store.get(claim.job.id)
    assert job == claim.job
    await store.close()


async def test_a_webhook_is_owed_from_the_moment_a_job_ends(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    claim = await running(store, callback_url="https://example.org/hook")
    assert list(await store.due_deliveries(5, "one", 30.0)) == []
    await store.finish(claim.job.id, claim.token, INTERRUPTED)  # no attempts are left: it rests
    await store.retry(claim.job.id)
    (second,) = await store.claim("one", 1, 15.0)
    ended = await store.finish(claim.job.id, second.token, SUCCEEDED)
    assert ended is not None
    (first,) = await store.due_deliveries(5, "one", 30.0)
    assert (first.state, first.url, first.attempts) == (State.INTERRUPTED, "https://example.org/hook", 1)
    assert list(await store.due_deliveries(5, "two", 30.0)) == []  # one has it, and the other waits for it
    await store.delivery_failed(first.id, "503 Service\0 Unavailable", clock.now + 60)
    clock.now += 59
    assert list(await store.due_deliveries(5, "two", 30.0)) == []
    clock.now += 2
    (again,) = await store.due_deliveries(5, "two", 30.0)
    assert (again.id, again.attempts) == (first.id, 2)
    clock.now += 31  # the server that has it is gone
    (again,) = await store.due_deliveries(5, "one", 30.0)
    assert (again.id, again.attempts) == (first.id, 3)
    await store.delivered(first.id)
    await store.delivery_failed(first.id, "too late", clock.now)
    (last,) = await store.due_deliveries(5, "one", 30.0)
    assert (last.state, last.revision) == (State.SUCCEEDED, ended.revision)
    await store.delivery_failed(last.id, "gone", None)
    clock.now += 1e6
    assert list(await store.due_deliveries(5, "one", 30.0)) == []
    await store.close()


async def test_whoever_waits_is_woken_by_the_commit(store: JobStore) -> None:
    claim = await running(store)
    async with store.subscribe(claim.job.id) as mine, store.subscribe() as every:
        async with store.subscribe("another") as other:
            await store.append(claim.job.id, claim.token, [line("a")])
            await asyncio.wait_for(asyncio.gather(mine.wait(), every.wait()), 5)
            assert not other.is_set()
        mine.clear()
        every.clear()
        assert await store.append(claim.job.id, claim.token + 1, [line("stale")]) is None
        assert not mine.is_set()
        await store.submit(new_job())
        await asyncio.wait_for(every.wait(), 5)
        assert not mine.is_set()


async def test_only_a_webhook_that_is_owed_wakes_its_sender(store: JobStore) -> None:
    claim = await running(store, callback_url="https://example.org/hook")
    plain = await running(store)
    async with store.subscribe(WEBHOOKS) as owed, store.subscribe() as every:
        await store.append(claim.job.id, claim.token, [line("a")])
        await store.finish(plain.job.id, plain.token, SUCCEEDED)
        await asyncio.wait_for(every.wait(), 5)
        assert not owed.is_set()
        await store.finish(claim.job.id, claim.token, SUCCEEDED)
        await asyncio.wait_for(owed.wait(), 5)


async def test_lines_that_are_said_again_are_written_once(store: JobStore) -> None:
    """The answer to the first time was lost; a question to stop may have come between."""
    claim = await running(store)
    job_id, token, told = claim.job.id, claim.token, claim.job.last_event
    two = [line("a"), line("b")]
    assert await store.append(job_id, token, two, after=told) == told + 2
    assert await store.append(job_id, token, two, after=told) == told + 2
    await store.request_cancel(job_id)
    assert await store.append(job_id, token, two, after=told) == told + 3
    assert await store.append(job_id, token, [line("c")], after=told + 2) == told + 4
    assert await store.append(job_id, token, [], after=told + 4) == told + 4
    assert await store.append(job_id, token + 1, [line("stale")], after=told + 4) is None
    lines = [event.data["line"] for event in await store.events(job_id, types={"log"})]
    assert lines == ["a", "b", "c"]
    await store.finish(job_id, token, SUCCEEDED)
    assert await store.append(job_id, token, [line("late")], after=told + 4) is None


async def test_a_job_whose_cancellation_was_confirmed_never_succeeds(store: JobStore) -> None:
    claim = await running(store)
    asked = await store.request_cancel(claim.job.id)
    assert asked is not None
    assert asked.cancel_requested
    success = Outcome(state=State.SUCCEEDED, result=b"too late")
    for _ in range(2):  # said again, as after a lost answer, it stays the same
        ended = await store.finish(claim.job.id, claim.token, success)
        assert ended is not None
        assert ended.outcome is not None
        assert (ended.state, ended.outcome.status, ended.outcome.result) == (State.CANCELLED, 499, b"")


async def test_predictions_that_end_together_each_end_as_alone(store: JobStore) -> None:
    claims = [await running(store, callback_url="https://example.org/") for _ in range(6)]
    training = await running(store, kind="train")
    stale, asked, twice = claims[3:]
    await store.request_cancel(asked.job.id)
    await store.finish(twice.job.id, twice.token, SUCCEEDED)

    async def end(claim: Claim, token: int) -> Job | None:
        outcome = Outcome(state=State.SUCCEEDED, result=claim.job.id.encode(), result_name="\ud800")
        return await store.finish(claim.job.id, token, outcome, is_prediction=True)

    tokens = [claim.token - (claim is stale) for claim in claims]
    ended = await asyncio.gather(end(training, training.token), *map(end, claims, tokens))
    states = [None if job is None else job.state for job in ended]
    done = State.SUCCEEDED
    assert states == [done, done, done, done, None, State.CANCELLED, done]
    for claim in claims[:3]:
        job = await store.get(claim.job.id)
        assert job is not None
        assert job.outcome is not None
        assert (job.state, job.outcome.result, job.revision) == (done, claim.job.id.encode(), 3)
        assert await states_of(store, job.id) == ["queued", "running", "succeeded"]
        assert job.finished_at is not None
    left = await store.get(stale.job.id)
    assert left is not None
    assert (left.state, left.outcome) == (State.RUNNING, None)
    assert len(await store.due_deliveries(10, "one", 15.0)) == 5
