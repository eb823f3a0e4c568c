"""A PostgreSQL that is replaced by its standby: servers find the new primary, and say what is not known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from making import line, new_job, running
from postgres_server import Postgres
from serving import wait_until

from modelport.jobs.records import Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreReadOnly, StoreUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SUCCEEDED = Outcome(state=State.SUCCEEDED, result=b"it")


@pytest.fixture
def standby(postgres: Postgres, where: str) -> Iterator[Postgres]:
    """A standby that has the database `where`."""
    with postgres.standby() as standby:
        yield standby
        postgres.sql("ALTER SYSTEM RESET default_transaction_read_only")
        postgres.sql("SELECT pg_reload_conf()")


@pytest.fixture
def where(postgres: Postgres) -> str:
    """The URL of a new database."""
    return postgres.new_database()


@pytest.fixture
async def store(
    postgres: Postgres, standby: Postgres, where: str, anyio_backend: str
) -> AsyncIterator[JobStore]:
    """A store that is told of both."""
    name = where.rpartition("/")[2]
    both = f"host=127.0.0.1:{postgres.port}&host=127.0.0.1:{standby.port}"
    store = await JobStore.open(f"postgresql://tests@/{name}?{both}&target_session_attrs=read-write")
    yield store
    await store.close()


def wait_for_replay(postgres: Postgres, standby: Postgres) -> None:
    """Until the standby has all that was committed."""
    reached = str(postgres.sql("SELECT pg_current_wal_lsn()"))
    behind = f"SELECT pg_last_wal_replay_lsn() >= '{reached}'::pg_lsn"
    wait_until(lambda: bool(standby.sql(behind)), lambda: f"not at {reached}")


async def test_a_primary_that_turns_read_only_is_left_for_the_new_one(
    store: JobStore, postgres: Postgres, standby: Postgres
) -> None:
    """As a planned switch-over does: the connections to the old primary live on, and take no writes."""
    claim = await running(store)
    assert await store.append(claim.job.id, claim.token, [line("before")]) is not None
    wait_for_replay(postgres, standby)
    postgres.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    postgres.sql("SELECT pg_reload_conf()")
    wait_until(lambda: postgres.sql("SHOW transaction_read_only") == "on", lambda: "it takes writes")
    with pytest.raises(StoreReadOnly, match="can only be read, as a standby"):
        await store.append(claim.job.id, claim.token, [line("nowhere")])
    standby.promote()
    assert await store.append(claim.job.id, claim.token, [line("after")]) is not None
    ended = await store.finish(claim.job.id, claim.token, SUCCEEDED)
    assert ended is not None
    lines = [event.data["line"] for event in await store.events(claim.job.id, types={"log"})]
    assert lines == ["before", "after"]
    assert (await store.submit(new_job()))[1]


async def test_what_a_standby_had_not_got_is_lost_and_never_mixed_up(
    store: JobStore, postgres: Postgres, standby: Postgres
) -> None:
    """The primary dies with commits that no standby has: PostgreSQL loses them, and the store stays whole."""
    kept = await running(store, max_attempts=3)
    waiting, _ = await store.submit(new_job(max_attempts=3))
    wait_for_replay(postgres, standby)
    standby.stop()
    lost, _ = await store.submit(new_job())
    (stale,) = await store.claim("one", 1, 15.0)
    assert stale.job.id == waiting.id
    assert await store.finish(kept.job.id, kept.token, SUCCEEDED) is not None
    postgres.stop("immediate")
    try:
        with pytest.raises(StoreUnavailable, match="cannot be used now"):
            await store.submit(new_job())
        standby.start()
        standby.promote()
        assert await store.get(lost.id) is None
        job = await store.get(waiting.id)
        assert job is not None
        assert job.state is State.QUEUED
        (again,) = await store.claim("two", 1, 15.0)
        assert again.job.id == waiting.id
        assert again.token > stale.token  # sequences are ahead of what was lost
        assert await store.append(waiting.id, stale.token, [line("stale")]) is None
        assert await store.finish(waiting.id, stale.token, SUCCEEDED) is None
        assert await store.finish(waiting.id, again.token, SUCCEEDED) is not None
        # Its end was among what is lost; who has it says it again.
        assert await store.finish(kept.job.id, kept.token, SUCCEEDED) is not None
        assert {job.id for job in (await store.list()).jobs} == {kept.job.id, waiting.id}
    finally:
        postgres.start()
