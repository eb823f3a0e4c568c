"""Which servers are gone: told by locks, whatever they call themselves and wherever they run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from making import Clock, new_job, no_shared_files

from modelport.jobs.folders import JobFolders
from modelport.jobs.presence import OLD_SECONDS, Presence
from modelport.jobs.runner import JobRunner
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.jobs.tidying import tidy

ENTER = """
import sys
from pathlib import Path
from modelport.jobs.presence import Presence
presence = Presence(Path(sys.argv[1]), "test")
presence.enter()
presence.begin_upload("anupload")
print(presence.name, flush=True)
sys.stdin.readline()
"""
CONTAINED = ["unshare", "--pid", "--fork", "--kill-child", "--uts"]


class Other:
    """Another server process, which has begun an upload."""

    def __init__(self, folder: Path, *prefix: str):
        command = [*prefix, sys.executable, "-c", ENTER, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().decode().strip()

    def kill(self) -> None:
        """End it; what it has printed ends when all of its processes have."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=["a process", "a container"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Other]:
    contained = CONTAINED if request.param == "a container" else []
    if contained and subprocess.run([*contained, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace of processes can be made here")
    found = Other(tmp_path, *contained)
    yield found
    if found.process.poll() is None:
        found.kill()


def test_a_server_is_there_until_it_is_killed(tmp_path: Path, other: Other) -> None:
    mine = Presence(tmp_path, "test")
    mine.enter()
    assert other.name
    assert not mine.is_gone(other.name)
    assert not mine.is_gone(mine.name)
    assert mine.left_uploads() == []
    other.kill()
    assert mine.is_gone(other.name)
    ((folder, jobs),) = mine.left_uploads()
    assert jobs == ["anupload"]
    mine.forget(folder, jobs)
    assert not folder.exists()
    mine.leave()
    assert list(mine.root.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "../x.y", "host:12:34:ab", "1234.abcd", "x/../y"])
def test_of_others_nothing_is_known(tmp_path: Path, name: str) -> None:
    mine = Presence(tmp_path, "test")
    mine.enter()
    assert not mine.is_gone(name)
    assert not mine.is_gone(mine.name.partition(".")[0] + ".deadbeef")  # of another folder
    mine.leave()


@pytest.mark.anyio
async def test_uploads_of_others_survive_until_they_are_old(tmp_path: Path, anyio_backend: str) -> None:
    """On a shared folder another machine's server may be in the middle of one."""
    store, folders = await JobStore.open(tmp_path / "jobs.sqlite"), JobFolders(tmp_path)
    await store.submit(new_job(id="stored"))
    mine, theirs = Presence(tmp_path, "test"), Presence(tmp_path, "test")
    theirs.name = "another-boot.ab12"
    for job_id in ("fresh", "old", "stored"):
        theirs.begin_upload(job_id)
        folders.inputs(job_id).mkdir(parents=True)
    mine.enter()
    await tidy(store, folders, mine)
    assert sorted(folders.with_inputs()) == ["fresh", "old", "stored"]
    place = mine.root / theirs.name
    long_ago = place.stat().st_mtime - 2 * OLD_SECONDS
    for path in (place / "old", place / "stored", place):
        os.utime(path, (long_ago, long_ago))
    await tidy(store, folders, mine)
    assert sorted(folders.with_inputs()) == ["fresh", "stored"]
    mine.leave()
    await store.close()


@pytest.mark.anyio
async def test_jobs_of_a_killed_server_are_taken_over_at_once(
    where: str, tmp_path: Path, anyio_backend: str
) -> None:
    other = Other(tmp_path)
    store = await JobStore.open(where, clock=Clock())  # no lease ever ends
    job, _ = await store.submit(new_job(kind="train"))
    await store.claim(other.name, 1, 15.0)
    presence = Presence(tmp_path, "test")
    presence.enter()
    engine: Any = SimpleNamespace(pools={}, spans=None, ends_with_server=True)
    other.kill()
    running = asyncio.create_task(JobRunner(store, engine, no_shared_files(tmp_path), presence, 1, 1.0).run())
    async with asyncio.timeout(20), store.subscribe(job.id) as changed:
        while (found := await store.get(job.id)) is not None and found.state is State.RUNNING:
            await changed.wait()
    assert found is not None
    assert found.state is State.INTERRUPTED
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    presence.leave()
    await store.close()
