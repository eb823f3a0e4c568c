"""A newer modelport on an older database with live jobs: whatever happens meanwhile, none of them is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from making import line, new_job, running
from newer import STEPS
from sqlalchemy import text

from modelport.jobs.records import Job, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreTooNew

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def upgrade(where: str, folder: Path, *place: str) -> int:
    """Let a newer modelport open the database; returns how its process ended."""
    command = [sys.executable, str(Path(__file__).parent / "newer.py"), where, str(folder), *place]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


async def all_jobs(store: JobStore) -> list[Job]:
    return (await store.list(limit=100, with_call=True)).jobs


@pytest.mark.parametrize("place", STEPS)
async def test_an_upgrade_that_is_killed_changes_nothing(where: str, tmp_path: Path, place: str) -> None:
    store = await JobStore.open(where)
    claim = await running(store, max_attempts=2)
    await store.append(claim.job.id, claim.token, [line("a")])
    await store.submit(new_job(call=b"\x00 call"))
    before = await all_jobs(store)
    await store.close()
    assert upgrade(where, tmp_path, place) == -signal.SIGKILL
    store = await JobStore.open(where)  # the old one goes on
    assert await all_jobs(store) == before
    assert await store.append(claim.job.id, claim.token, [line("b")]) is not None
    await store.close()


async def test_an_upgrade_keeps_live_jobs_and_may_shut_the_older_version_out(
    where: str, tmp_path: Path
) -> None:
    store = await JobStore.open(where)
    claim = await running(store, max_attempts=2)
    await store.submit(new_job())
    assert upgrade(where, tmp_path, "half") == -signal.SIGKILL
    assert upgrade(where, tmp_path, "alone") == 0
    assert upgrade(where, tmp_path) == 0
    with pytest.raises(StoreTooNew, match=r"version 9999.*a newer modelport wrote it"):
        await JobStore.open(where)
    counted = await store.counts()  # which was open all the time
    assert (counted[State.RUNNING], counted[State.QUEUED]) == (1, 1)
    assert await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED)) is not None
    await store.close()


async def test_an_older_server_that_still_runs_keeps_its_jobs(where: str, tmp_path: Path) -> None:
    """Of several servers one is upgraded first: what the others run ends as it would have."""
    store = await JobStore.open(where)
    claim = await running(store, max_attempts=2)
    assert upgrade(where, tmp_path) == 0
    assert await store.append(claim.job.id, claim.token, [line("still here")]) is not None
    ended = await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED, result=b"it"))
    assert ended is not None
    colour = text("SELECT colour FROM jobs")
    assert await store.database.write(lambda tx: tx.connection.execute(colour).scalars().all()) == ["red"]
    await store.close()


async def test_an_older_server_uses_tables_that_were_only_added_to(where: str, tmp_path: Path) -> None:
    """Where it is started anew in the middle of an upgrade, or the upgrade is taken back."""
    store = await JobStore.open(where)
    claim = await running(store, max_attempts=2)
    await store.close()
    assert upgrade(where, tmp_path) == 0
    version = text("SELECT version_num FROM alembic_version")
    for _ in range(2):  # the newer one comes back, too
        store = await JobStore.open(where)
        assert await store.append(claim.job.id, claim.token, [line("still here")]) is not None
        job, _ = await store.submit(new_job())
        assert job.state is State.QUEUED
        assert await store.database.write(lambda tx: tx.connection.execute(version).scalar()) == "9999"
        await store.close()
        assert upgrade(where, tmp_path) == 0
