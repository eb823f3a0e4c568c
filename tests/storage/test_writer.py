"""The one writer: work that waits shares a commit, and what goes wrong harms only whose work it is."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from making import line, new_job, running
from postgres_server import Postgres
from sqlalchemy import event, text

from modelport.jobs.records import Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage import sqlite
from modelport.storage.errors import StoreFull, StoreUnavailable

pytestmark = pytest.mark.anyio


async def test_a_thousand_submissions_share_few_commits(store: JobStore) -> None:
    commits: list[object] = []
    event.listen(store.database.writer.engine, "commit", commits.append)
    answers = await asyncio.gather(*(store.submit(new_job()) for _ in range(1000)))
    assert all(created for _, created in answers)
    assert (await store.counts())[State.QUEUED] == 1000
    assert 0 < len(commits) < 100


async def test_every_commit_is_synced(store: JobStore) -> None:
    if store.database.writer.engine.dialect.name == "sqlite":
        wanted = {"PRAGMA synchronous": 2, "PRAGMA journal_mode": "wal"}
    else:
        wanted = {"SHOW synchronous_commit": "on"}
    for statement, value in wanted.items():
        found = await store.database.write(lambda tx, s=statement: tx.connection.execute(text(s)).scalar())
        assert found == value


async def test_a_full_disk_refuses_what_does_not_fit_and_heals(tmp_path: Path, anyio_backend: str) -> None:
    store = await JobStore.open(tmp_path / "jobs.sqlite")
    claim = await running(store)
    kept = [(await store.submit(new_job()))[0].id for _ in range(20)]

    async def pages(limit: int) -> None:
        await store.database.write(
            lambda tx: tx.connection.execute(text(f"PRAGMA max_page_count = {limit}")).all()
        )

    used = await store.database.write(
        lambda tx: tx.connection.execute(text("PRAGMA page_count")).scalar_one()
    )
    await pages(used + 2)
    big = [new_job(call=bytes(50_000)) for _ in range(10)]
    small = [store.heartbeat("one", {claim.job.id: claim.token}, 15.0) for _ in range(10)]
    answers = await asyncio.gather(*map(store.submit, big), *small, return_exceptions=True)
    for answer in answers[:10]:
        assert isinstance(answer, StoreFull)
        assert "no room is left for" in str(answer)
    for answer in answers[10:]:  # they shared a commit with those that did not fit
        assert not isinstance(answer, BaseException), answer
    with pytest.raises(StoreFull):
        await store.append(claim.job.id, claim.token, [line("x" * 50_000)])
    before = await store.get(claim.job.id)
    assert before is not None
    assert before.last_event == 2
    assert {job.id for job in (await store.list(limit=99)).jobs} == {claim.job.id, *kept}
    await pages(1_000_000)
    assert await store.append(claim.job.id, claim.token, [line("x" * 50_000)]) == 3
    assert (await store.submit(big[0]))[1]
    await store.close()


def _hold(
    path: str, held: multiprocessing.synchronize.Event, let_go: multiprocessing.synchronize.Event
) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    held.set()
    let_go.wait()
    connection.close()


async def test_a_database_that_another_process_locks_is_unavailable_until_it_lets_go(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    path = tmp_path / "jobs.sqlite"
    store = await JobStore.open(path)
    job, _ = await store.submit(new_job())
    spawn = multiprocessing.get_context("spawn")
    held, let_go = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(str(path), held, let_go))
    other.start()
    try:
        await asyncio.to_thread(held.wait)
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            await store.submit(new_job())
        assert await store.get(job.id) == job  # reading goes on
    finally:
        let_go.set()
        other.join()
    assert (await store.submit(new_job()))[1]
    await store.close()


async def test_after_a_sync_that_failed_nothing_is_written_any_more(
    tmp_path: Path, anyio_backend: str
) -> None:
    store = await JobStore.open(tmp_path / "jobs.sqlite")
    claim = await running(store)

    def fail(_connection: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC  # what SQLite says when fsync fails
        raise error

    event.listen(store.database.writer.engine, "commit", fail)
    with pytest.raises(StoreUnavailable, match="the disk under .* failed"):
        await store.submit(new_job())
    event.remove(store.database.writer.engine, "commit", fail)
    with pytest.raises(StoreUnavailable, match="could not sync, so nothing more is written .* restart"):
        await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED))
    assert await store.get(claim.job.id) == claim.job
    await store.close()
    again = await JobStore.open(tmp_path / "jobs.sqlite")
    assert await again.get(claim.job.id) == claim.job
    await again.close()


async def test_connections_that_postgresql_cut_are_made_anew(postgres: Postgres, anyio_backend: str) -> None:
    where = postgres.new_database()
    store = await JobStore.open(where)
    name = where.rpartition("/")[2]
    for _ in range(3):
        job, _ = await store.submit(new_job())
        assert await store.get(job.id) == job
        postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert await store.get(job.id) == job
        postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    await store.close()


async def test_a_postgresql_that_is_down_is_unavailable_until_it_is_back(
    postgres: Postgres, anyio_backend: str
) -> None:
    store = await JobStore.open(postgres.new_database())
    job, _ = await store.submit(new_job())
    postgres.stop("immediate")
    try:
        for refused in (store.submit(new_job()), store.get(job.id), store.counts()):
            with pytest.raises(StoreUnavailable, match="cannot be used now"):
                await refused
    finally:
        postgres.start()
    assert await store.get(job.id) == job
    assert (await store.submit(new_job()))[1]
    await store.close()


async def test_a_standby_is_told_apart(postgres: Postgres, anyio_backend: str) -> None:
    where = postgres.new_database()
    store = await JobStore.open(where)
    await store.submit(new_job())
    name = where.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    with pytest.raises(StoreUnavailable, match="cannot be used now|can only be read"):
        await store.submit(new_job())
    postgres.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert (await store.submit(new_job()))[1]
    await store.close()


async def test_two_servers_that_wait_for_each_other_both_get_through(
    postgres: Postgres, anyio_backend: str
) -> None:
    """Each holds a row in its commit and wants the other's: PostgreSQL ends one, which then tries again."""
    where = postgres.new_database()
    one, two = await JobStore.open(where), await JobStore.open(where)
    first, second = [(await one.submit(new_job()))[0].id for _ in range(2)]

    async def bump(store: JobStore, *ids: str) -> None:
        def work(tx):  # type: ignore[no-untyped-def]
            for job_id in ids:
                bumped = "UPDATE jobs SET revision = revision + 1 WHERE id = :id"
                tx.connection.execute(text(bumped), {"id": job_id})
                tx.connection.execute(text("SELECT pg_sleep(0.2)"))

        await store.database.write(work)

    await asyncio.gather(bump(one, first, second), bump(two, second, first))
    for job_id in (first, second):
        job = await one.get(job_id)
        assert job is not None
        assert job.revision == 3
    await asyncio.gather(one.close(), two.close())
