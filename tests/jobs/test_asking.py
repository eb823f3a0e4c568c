"""Asking for jobs, finding them again, and calling them off."""

from __future__ import annotations

import asyncio

import pytest
from making import Clock, new_job, running, states_of
from sqlalchemy import text

from modelport.jobs.errors import IdempotencyConflict, RetryRefused
from modelport.jobs.queries import Filter, numbers_of
from modelport.jobs.records import NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


async def test_a_job_comes_back_as_it_was_given(store: JobStore, where: str) -> None:
    new = NewJob(
        id="one",
        kind="train",
        model="digits",
        model_version="3",
        arguments={"epochs": 3, "nested": {"a": [1, None, 2.5]}},
        call=bytes(range(256)),
        accept="image/png",
        priority=-5,
        max_attempts=4,
        requested_by="ann",
        idempotency_key="k",
        request_hash="h",
        callback_url="https://example.org/hook",
    )
    job, created = await store.submit(new)
    assert created
    assert await store.get("one") == job
    for name in set(NewJob.__struct_fields__) - {"files"}:  # which is with the call, for whoever runs it
        assert getattr(job, name) == getattr(new, name), name
    assert (job.state, job.attempt, job.revision, job.last_event) == (State.QUEUED, 0, 1, 1)
    assert job.outcome is None
    assert await store.get("two") is None
    await store.close()
    again = await JobStore.open(where)
    assert await again.get("one") == job
    await again.close()


async def test_text_that_no_database_takes_is_made_harmless(store: JobStore) -> None:
    odd = "a\0b\ud800c"
    arguments = {"text": odd, "big": 2**80, "set": {1}, "object": object(), "nan": float("nan")}
    job, _ = await store.submit(new_job(model=odd, arguments=arguments, requested_by=odd))
    found = await store.get(job.id)
    assert found is not None
    assert found.model == job.model == found.requested_by == "a\ufffdb?c"
    assert found.arguments["big"] == str(2**80)
    assert found.arguments["nan"] != found.arguments["nan"]
    assert odd not in found.arguments["text"]


async def test_the_same_request_gets_the_first_job(store: JobStore) -> None:
    same = {"requested_by": "ann", "idempotency_key": "k", "request_hash": "h"}
    first, created = await store.submit(new_job(**same))
    assert created
    again, created = await store.submit(new_job(**same))
    assert (again.id, created) == (first.id, False)
    other, created = await store.submit(new_job(**{**same, "requested_by": "bob"}))
    assert created
    assert other.id != first.id
    with pytest.raises(
        IdempotencyConflict, match=f"'k' was used for another request, which is job {first.id}"
    ):
        await store.submit(new_job(**{**same, "request_hash": "other"}))
    assert (await store.counts())[State.QUEUED] == 2


async def test_what_has_not_ended_is_counted_by_model_kind_and_state(store: JobStore) -> None:
    ended = await running(store)
    await store.finish(ended.job.id, ended.token, Outcome(state=State.SUCCEEDED))
    lost = await running(store, max_attempts=1)
    await store.finish(lost.job.id, lost.token, Outcome(state=State.INTERRUPTED))
    runs = await running(store)
    oldest, _ = await store.submit(new_job())
    await store.submit(new_job())
    await store.submit(new_job(kind="train", model="other"))
    await store.submit(new_job(model="not asked about"))
    found = {
        (one.model, one.kind, one.state): one for one in await store.unended(["digits", "other", "none"])
    }
    assert {key: one.jobs for key, one in found.items()} == {
        ("digits", "predict", "interrupted"): 1,
        ("digits", "predict", "running"): 1,
        ("digits", "predict", "queued"): 2,
        ("other", "train", "queued"): 1,
    }
    assert found["digits", "predict", "queued"].oldest == oldest.created_at
    assert found["digits", "predict", "running"].oldest is None
    assert runs.job.started_at is not None


async def test_the_same_request_at_once_on_two_servers_makes_one_job(store: JobStore, where: str) -> None:
    other = await JobStore.open(where)
    same = {"requested_by": "ann", "idempotency_key": "k", "request_hash": "h"}
    answers = await asyncio.gather(*(one.submit(new_job(**same)) for one in [store, other] * 20))
    assert len({job.id for job, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    await other.close()


async def test_one_refused_request_harms_none_that_shares_its_commit(store: JobStore) -> None:
    taken, _ = await store.submit(new_job(requested_by="ann", idempotency_key="k", request_hash="h"))
    wrong = {"requested_by": "ann", "idempotency_key": "k", "request_hash": "other"}
    many = [new_job(**(wrong if place % 3 == 0 else {})) for place in range(60)]
    answers = await asyncio.gather(*map(store.submit, many), return_exceptions=True)
    for place, answer in enumerate(answers):
        assert isinstance(answer, IdempotencyConflict if place % 3 == 0 else tuple)
    ids = {job.id for job in (await store.list(limit=1000)).jobs}
    assert ids == {taken.id} | {new.id for place, new in enumerate(many) if place % 3}


async def test_an_unknown_kind_is_our_own_mistake(store: JobStore) -> None:
    with pytest.raises(ValueError, match="kind 'dance' is none of train, validate, predict"):
        await store.submit(new_job(kind="dance"))


async def test_pages_hold_every_job_once_newest_first(store: JobStore) -> None:
    models, kinds = ("a", "b"), ("train", "predict")
    for place in range(40):
        await store.submit(new_job(model=models[place % 2], kind=kinds[place // 2 % 2], call=b"call"))
    for claim in await store.claim("one", 7, 15.0):
        await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED, result=b"result"))
    everything = (await store.list(limit=1000, with_call=True)).jobs
    assert [job.number for job in everything] == sorted((job.number for job in everything), reverse=True)
    assert len(everything) == 40
    assert {job.call for job in everything} == {b"call"}
    for model in (None, "a", "c"):
        for kind in (None, "train"):
            for state in (None, State.QUEUED, State.SUCCEEDED):
                walked: list[str] = []
                cursor = None
                while True:
                    page = await store.list(model=model, kind=kind, state=state, limit=3, cursor=cursor)
                    walked += [job.id for job in page.jobs]
                    assert all(job.call == b"" for job in page.jobs)
                    cursor = page.cursor
                    if cursor is None:
                        break
                    await store.submit(new_job(model="new"))  # what comes meanwhile disturbs no walk
                fits = [
                    job.id
                    for job in everything
                    if model in (None, job.model) and kind in (None, job.kind) and state in (None, job.state)
                ]
                assert [job_id for job_id in walked if job_id in {job.id for job in everything}] == fits


async def test_every_filter_walks_an_index(tmp_path: object, anyio_backend: str) -> None:
    """What makes a list of 100,000 jobs quick: no filter reads jobs that it does not show."""
    store = await JobStore.open(f"{tmp_path}/jobs.sqlite")
    for model in (None, "a"):
        for kind in (None, "train"):
            for state in (None, State.FAILED):
                query = numbers_of(Filter(model, kind, state), 50, 51)
                statement = str(
                    query.compile(store.database.writer.engine, compile_kwargs={"literal_binds": True})
                )
                plan = await store.database.write(
                    lambda tx, s=statement: tx.connection.execute(text("EXPLAIN QUERY PLAN " + s)).all()
                )
                reads = [row[3] for row in plan if "jobs" in row[3]]
                assert reads
                assert all(read.startswith("SEARCH jobs USING") for read in reads), reads
    await store.close()


async def test_a_waiting_job_is_cancelled_at_once(store: JobStore) -> None:
    job, _ = await store.submit(new_job())
    cancelled = await store.request_cancel(job.id)
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    assert cancelled.outcome is not None
    assert cancelled.outcome.ended_by == "before it ran"
    assert await store.claim("one", 5, 15.0) == []
    again = await store.request_cancel(job.id)
    assert again == cancelled
    assert await states_of(store, job.id) == ["queued", "cancelled"]
    assert await store.request_cancel("nothing") is None


async def test_a_running_job_is_asked_to_stop(store: JobStore) -> None:
    claim = await running(store)
    beat = await store.heartbeat("one", {claim.job.id: claim.token}, 15.0)
    assert (beat.alive, beat.cancel_requested) == ({claim.job.id}, set())
    job = await store.request_cancel(claim.job.id)
    assert job is not None
    assert (job.state, job.cancel_requested) == (State.RUNNING, True)
    beat = await store.heartbeat("one", {claim.job.id: claim.token}, 15.0)
    assert beat.cancel_requested == {claim.job.id}
    again = await store.request_cancel(claim.job.id)
    assert again is not None
    assert again.revision == job.revision
    ended = await store.finish(claim.job.id, claim.token, Outcome(state=State.CANCELLED, ended_by="SIGTERM"))
    assert ended is not None
    assert ended.outcome is not None
    assert (ended.state, ended.outcome.ended_by) == (State.CANCELLED, "SIGTERM")


async def test_only_an_interrupted_job_is_retried(store: JobStore) -> None:
    claim = await running(store)
    with pytest.raises(RetryRefused, match=f"job {claim.job.id} is running; only an interrupted job"):
        await store.retry(claim.job.id)
    interrupted = await store.finish(
        claim.job.id, claim.token, Outcome(state=State.INTERRUPTED, error="gone")
    )
    assert interrupted is not None
    assert (interrupted.state, interrupted.attempt) == (State.INTERRUPTED, 1)
    assert interrupted.outcome is not None
    queued = await store.retry(claim.job.id)
    assert queued is not None
    assert (queued.state, queued.outcome, queued.finished_at) == (State.QUEUED, None, None)
    second = (await store.claim("two", 1, 15.0))[0]
    assert second.attempt == 2
    assert second.token > claim.token
    assert await store.retry("nothing") is None


async def test_pruning_takes_ended_jobs_with_their_events_and_no_others(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    waiting, _ = await store.submit(new_job(priority=-1))
    old = await running(store)
    await store.finish(old.job.id, old.token, Outcome(state=State.FAILED))
    owed = await running(store, callback_url="https://example.org/")
    await store.finish(owed.job.id, owed.token, Outcome(state=State.SUCCEEDED))
    going = await running(store)
    clock.now += 100
    young = await running(store)
    await store.finish(young.job.id, young.token, Outcome(state=State.SUCCEEDED))
    assert await store.prune(clock.now - 50) == [old.job.id]
    assert await store.get(old.job.id) is None
    assert list(await store.events(old.job.id)) == []
    left = {job.id for job in (await store.list()).jobs}
    assert left == {waiting.id, owed.job.id, going.job.id, young.job.id}
    (delivery,) = await store.due_deliveries(5, "one", 30.0)
    await store.delivered(delivery.id)
    assert await store.prune(clock.now - 50) == [owed.job.id]
    fresh, _ = await store.submit(new_job())
    assert fresh.number > young.job.number
    await store.close()


async def test_a_closed_store_says_so(store: JobStore) -> None:
    await store.close()
    await store.close()
    for refused in (store.submit(new_job()), store.get("x"), store.counts()):
        with pytest.raises(StoreUnavailable, match="closed"):
            await refused
