"""A job is claimed by the server that has taken it in, if that can be; else all others are told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from making import new_job, states_of
from postgres_server import Postgres
from runner_alone import SlowToTell, runner

from modelport.jobs.records import Claim
from modelport.jobs.runner import JobRunner
from modelport.jobs.store import JobStore
from modelport.jobs.transitions import WAITING
from modelport.storage.changes import elsewhere
from modelport.storage.database import Database
from modelport.storage.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


class Listening(NamedTuple):
    """The store of one server, and what another one hears from it of jobs that wait."""

    store: SlowToTell
    other: Database
    told: asyncio.Event

    async def was_told(self) -> bool:
        """Whether the other one was, of all that was said until now."""
        for name in ("said then", "said after it"):  # what goes together is heard in any order
            async with self.other.changes.subscribe(elsewhere(name)) as heard, asyncio.timeout(60):
                self.store.database.tell_others({name})
                await heard.wait()
        return self.told.is_set()


@pytest.fixture
async def listening(postgres: Postgres, anyio_backend: str) -> AsyncIterator[Listening]:
    where = postgres.new_database()
    store, other = await SlowToTell.open(where), await Database.open(where)
    assert isinstance(store, SlowToTell)
    store.hold()
    store.told.set()
    other.follow()
    async with other.changes.subscribe(elsewhere(WAITING)) as told:
        async with asyncio.timeout(60):
            await told.wait()  # from now on what it hears was told
        told.clear()
        yield Listening(store, other, told)
    await store.close()
    await other.close()
    postgres.empty(where)


async def take_in(store: JobStore, one: JobRunner) -> str:
    job, _ = await store.submit(new_job(kind="train"), runs_here=True)
    one.take_in(job.id)
    return job.id


async def until_claimed(store: JobStore, job_id: str) -> None:
    async with store.subscribe(job_id) as changed, asyncio.timeout(60):
        while await states_of(store, job_id) == ["queued"]:
            await changed.wait()
            changed.clear()


async def test_a_job_that_is_claimed_where_it_was_taken_in_is_told_to_nobody(
    listening: Listening, tmp_path: Path
) -> None:
    store, one = listening.store, runner(listening.store, tmp_path)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    job = await take_in(store, one)
    await until_claimed(store, job)
    assert not await listening.was_told()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("why", ["not running", "not loaded", "no slot", "not claimed"])
async def test_others_are_told_of_a_job_that_is_taken_in_and_not_claimed(
    listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    async def claim(*_: Any) -> list[Claim]:
        raise StoreUnavailable("not now")

    store, one = listening.store, runner(listening.store, tmp_path)
    pool: Any = one.engine.pools["digits"]
    if why == "not loaded":
        pool.signature = None
    if why == "no slot":
        pool.settings.job_workers = 0
    if why == "not claimed":
        monkeypatch.setattr(store, "claim", claim)
    running = asyncio.create_task(one.run() if why != "not running" else asyncio.Event().wait())
    await asyncio.sleep(0)
    await take_in(store, one)
    async with asyncio.timeout(60):
        await listening.told.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_job_whose_server_is_gone_before_it_claims_it_is_found_by_looking(
    postgres: Postgres, tmp_path: Path, anyio_backend: str
) -> None:
    where = postgres.new_database()
    store, gone = await SlowToTell.open(where), await JobStore.open(where)
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 0.1
    store.hold()
    store.told.set()
    running = asyncio.create_task(runner(store, tmp_path).run())
    await store.claimed.wait()
    job, _ = await gone.submit(new_job(kind="train"), runs_here=True)
    await gone.close()
    await until_claimed(store, job.id)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
    postgres.empty(where)
