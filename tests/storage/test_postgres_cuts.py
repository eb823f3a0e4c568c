"""A network that fails between the server and PostgreSQL, and values that cannot be sent there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from making import line, new_job, running
from middleman import ASKED_TO_COMMIT, HAS_COMMITTED, Middleman
from postgres_server import Postgres

from modelport.jobs.records import Job, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage import postgres
from modelport.storage.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def middleman(postgres: Postgres) -> Iterator[Middleman]:
    """The network on the way to the database of `store`."""
    middleman = Middleman(postgres.port)
    yield middleman
    middleman.close()


@pytest.fixture
async def store(middleman: Middleman, postgres: Postgres, anyio_backend: str) -> AsyncIterator[JobStore]:
    """A store whose connections go through `middleman`."""
    name = postgres.new_database().rpartition("/")[2]
    store = await JobStore.open(
        f"postgresql://tests:geheim@127.0.0.1:{middleman.port}/{name}?sslmode=disable"
    )
    yield store
    await store.close()


@pytest.fixture(params=[False, True], ids=["closed", "reset"])
def reset(request: pytest.FixtureRequest, middleman: Middleman) -> bool:
    """How a connection is cut."""
    middleman.reset = request.param
    return request.param


async def test_lines_whose_commit_got_no_answer_are_not_written_twice(
    store: JobStore, middleman: Middleman, reset: bool
) -> None:
    claim = await running(store)
    job_id, token, told = claim.job.id, claim.token, claim.job.last_event
    middleman.cut_at = HAS_COMMITTED
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        await store.append(job_id, token, [line("a"), line("b")], after=told)
    assert await store.append(job_id, token, [line("a"), line("b")], after=told) == told + 2
    assert await store.append(job_id, token, [line("c")], after=told + 2) == told + 3
    lines = [event.data["line"] for event in await store.events(job_id, types={"log"})]
    assert (lines, middleman.cuts) == (["a", "b", "c"], 1)


async def test_lines_whose_commit_did_not_arrive_are_written_at_the_second_try(
    store: JobStore, middleman: Middleman, reset: bool
) -> None:
    claim = await running(store)
    job_id, token, told = claim.job.id, claim.token, claim.job.last_event
    middleman.cut_at = ASKED_TO_COMMIT
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        await store.append(job_id, token, [line("a")], after=told)
    assert await store.append(job_id, token, [line("a")], after=told) == told + 1
    assert len(await store.events(job_id, types={"log"})) == middleman.cuts == 1


async def test_an_end_whose_commit_got_no_answer_can_be_said_again(
    store: JobStore, middleman: Middleman, reset: bool
) -> None:
    claim = await running(store)
    middleman.cut_at = HAS_COMMITTED
    end = Outcome(state=State.SUCCEEDED, result=b"it")
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        await store.finish(claim.job.id, claim.token, end)
    ended = await store.finish(claim.job.id, claim.token, end)
    assert ended is not None
    assert (ended.state, ended.last_event) == (State.SUCCEEDED, claim.job.last_event + 1)


async def test_a_statement_that_is_cut_is_tried_again_at_once(
    store: JobStore, middleman: Middleman, reset: bool
) -> None:
    """Before the commit nothing has happened, so nobody needs to hear of it."""
    job, _ = await store.submit(new_job())
    middleman.cut_at = b"INSERT INTO jobs"
    assert (await store.submit(new_job()))[1]
    middleman.cut_at = b"SELECT"
    assert await store.get(job.id) == job
    assert middleman.cuts == 2


@pytest.mark.parametrize("rubbish", [b"\xff" * 40, b"Z\0\0\0\1", b"T\0\0\0\6\0\1", b"?\0\0\0\4"])
async def test_a_server_that_talks_rubbish_is_unavailable_and_never_believed(
    store: JobStore, middleman: Middleman, rubbish: bytes
) -> None:
    job, _ = await store.submit(new_job())
    await _is_unavailable_while(store, middleman, rubbish, job)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits less long."""
    monkeypatch.setattr(postgres, "ANSWER_SECONDS", 1.5)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_never_ends_is_not_awaited_for_ever(
    store: JobStore, middleman: Middleman
) -> None:
    job, _ = await store.submit(new_job())
    await _is_unavailable_while(store, middleman, b"HTTP/1.1 400 Bad Request\r\n\r\n", job)


async def _is_unavailable_while(store: JobStore, middleman: Middleman, rubbish: bytes, job: Job) -> None:
    middleman.rubbish = rubbish
    with pytest.raises(StoreUnavailable, match="cannot be used now") as raised:
        await store.get(job.id)
    assert "geheim" not in str(raised.value)
    middleman.rubbish = None
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(StoreUnavailable):  # until it was looked for again
                assert await store.get(job.id) == job
                return
            await asyncio.sleep(0.05)


async def test_a_value_that_cannot_be_sent_harms_nobody_else(where: str, anyio_backend: str) -> None:
    """The driver notices in the middle of a statement: the next one must not get the answer of this."""
    store = await JobStore.open(where)
    good = [new_job() for _ in range(20)]
    bad = store.request_cancel("\ud800")
    answers = await asyncio.gather(
        *map(store.submit, good), bad, *map(store.get, ["\ud800"] * 5), return_exceptions=True
    )
    assert all(isinstance(answer, UnicodeEncodeError) for answer in answers[20:]), answers[20:]
    assert all(isinstance(answer, tuple) and answer[1] for answer in answers[:20])
    for new in good:
        job = await store.get(new.id)
        assert job is not None
        assert job.id == new.id
    await store.close()


async def test_connections_that_were_cut_leave_no_noise_in_the_log(
    store: JobStore, middleman: Middleman, reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        middleman.cut_at = HAS_COMMITTED
        with pytest.raises(StoreUnavailable):
            await store.submit(new_job())
        await store.submit(new_job())
    assert caplog.messages == []
