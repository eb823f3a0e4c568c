"""Jobs and clocks for the tests."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Claim, NewEvent, NewJob
from modelport.jobs.shared_files import SharedFiles
from modelport.jobs.store import JobStore
from modelport.settings import Settings
from modelport.storage.database import Database
from modelport.storage.service import Storage

_numbers = itertools.count(1)


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = 1_000_000.0):
        self.now = now

    def __call__(self) -> float:
        return self.now


async def as_it_is(database: Database) -> None:
    """Open a database without a look at it."""


def new_job(**fields: Any) -> NewJob:
    """A job that wants nothing in particular."""
    fields = {"id": f"job{next(_numbers):06d}", "kind": "predict", "model": "digits", **fields}
    return NewJob(**fields)


def line(text: str) -> NewEvent:
    """A line of a log."""
    return NewEvent(type="log", data={"line": text})


async def running(store: JobStore, owner: str = "one", lease: float = 15.0, **fields: Any) -> Claim:
    """A job that was submitted and claimed."""
    job, _ = await store.submit(new_job(**fields))
    claims = await store.claim(owner, 1, lease)
    assert [claim.job.id for claim in claims] == [job.id]
    return claims[0]


async def states_of(store: JobStore, job_id: str) -> list[str]:
    """The states a job went through, as its events tell."""
    events = await store.events(job_id, types={"state"})
    return [event.data["state"] for event in events]


def no_shared_files(folder: Path) -> SharedFiles:
    """The folders of jobs of a server that shares them with nobody, or all of them."""
    return SharedFiles(None, Storage(Settings(data_dir=str(folder))), JobFolders(folder))
