"""Claims that something comes in between of: a stop of the server, or another job that is submitted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from making import new_job, no_shared_files, states_of
from postgres_server import Postgres

from modelport.engine.ports import PoolState
from modelport.jobs.claims import Choose, all_of_them
from modelport.jobs.presence import Presence
from modelport.jobs.records import Claim
from modelport.jobs.restraint import Restraint
from modelport.jobs.runner import JobRunner
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.jobs.transitions import WAITING
from modelport.storage.changes import elsewhere

pytestmark = pytest.mark.anyio


class SlowToTell(JobStore):
    """A store whose answers to claims are late."""

    def hold(self) -> None:
        self.claimed, self.told = asyncio.Event(), asyncio.Event()

    async def claim(
        self,
        owner: str,
        limit: int,
        lease_seconds: float,
        models: Sequence[str] | None = None,
        choose: Choose = all_of_them,
    ) -> list[Claim]:
        claims = await super().claim(owner, limit, lease_seconds, models, choose)
        self.claimed.set()
        await self.told.wait()
        return claims


def runner(store: JobStore, folder: Path) -> JobRunner:
    """One of a server whose only model is known by name: nothing of it is ever started."""
    signature = SimpleNamespace(predict=SimpleNamespace(max_batch_size=1))
    settings, state = SimpleNamespace(job_workers=1), PoolState.READY
    pool = SimpleNamespace(name="digits", signature=signature, settings=settings, state=state)
    engine: Any = SimpleNamespace(pools={"digits": pool}, spans=None)
    return JobRunner(store, engine, no_shared_files(folder), Presence(folder, "test"), 1, 1.0)


@pytest.mark.parametrize("asked", [False, True], ids=["", "asked to stop"])
async def test_a_claim_that_nobody_was_told_of_is_given_back(
    where: str, tmp_path: Path, anyio_backend: str, asked: bool
) -> None:
    store = await SlowToTell.open(where)
    assert isinstance(store, SlowToTell)
    store.hold()
    job, _ = await store.submit(new_job(kind="train"))
    running = asyncio.create_task(runner(store, tmp_path).run())
    await store.claimed.wait()
    if asked:
        await store.request_cancel(job.id)
    running.cancel()
    await asyncio.sleep(0)
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    found = await store.get(job.id)
    assert found is not None
    assert found.state is (State.CANCELLED if asked else State.QUEUED)
    assert (found.attempt, found.owner) == (0, "")
    states = await states_of(store, job.id)
    assert State.INTERRUPTED not in states
    await store.close()


async def test_what_is_submitted_during_a_claim_is_claimed_at_once_after_it(
    where: str, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    store = await SlowToTell.open(where)
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.hold()
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    found_nothing = store.told
    await store.submit(new_job(kind="train"))
    one.wake()
    store.hold()
    found_nothing.set()
    async with asyncio.timeout(60):
        await store.claimed.wait()
    running.cancel()
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


async def test_what_another_server_submits_is_claimed_at_once(
    postgres: Postgres, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    where = postgres.new_database()
    store, other = await SlowToTell.open(where), await JobStore.open(where)
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.database.follow()
    async with store.subscribe(elsewhere("anything")) as heard, asyncio.timeout(60):
        await heard.wait()  # from now on what it hears is what the other one tells
    store.hold()
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    found_nothing = store.told
    store.hold()
    found_nothing.set()
    job, _ = await other.submit(new_job(kind="train"))
    async with asyncio.timeout(60):
        await store.claimed.wait()
    assert await states_of(store, job.id) == ["queued", "running"]
    running.cancel()
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    for opened in (store, other):
        await opened.close()
    postgres.empty(where)


async def test_who_looks_in_vain_for_what_others_tell_of_looks_less_often(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    store = await SlowToTell.open(tmp_path / "jobs.sqlite")
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.hold()
    store.told.set()
    looks = 0

    async def claim(*given: Any) -> list[Claim]:
        nonlocal looks
        looks += 1
        return await SlowToTell.claim(store, *given)

    monkeypatch.setattr(store, "claim", claim)
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    began = time.monotonic()
    for _ in range(200):
        store.database.changes.publish_elsewhere({WAITING})
        await asyncio.sleep(0.005)
    assert looks <= 8 + 2 * (time.monotonic() - began)
    store.claimed.clear()
    one.wake()  # a job of its own
    async with asyncio.timeout(60):
        await store.claimed.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


def test_a_look_that_finds_something_ends_all_restraint() -> None:
    now = 100.0
    restraint = Restraint(lambda: now)
    assert restraint.seconds == 0.0
    for longest in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
        restraint.looked(found=False)
        assert longest / 2 <= restraint.seconds <= longest
    now += 1.0  # it was quiet for long enough
    assert restraint.seconds == 0.0
    restraint.looked(found=False)
    restraint.looked(found=True)
    assert restraint.seconds == 0.0
