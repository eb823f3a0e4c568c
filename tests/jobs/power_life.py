"""A server's life with its files, to be recorded system call by system call: `python power_life.py FOLDER`.

Each line on stdout is a fact that was confirmed.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from modelport.contract.current_job import CurrentJob
from modelport.jobs.folders import JobFolders, sync_job, sync_tree
from modelport.jobs.records import NewEvent, NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.worker.answers import spooled

JOBS = 12
LEASE = 3600.0


def content(job: str, what: str) -> bytes:
    """What a file of a job holds: more than a page, and no two alike."""
    return f"{what} of {job}\n".encode() * 400


def say(**fact: Any) -> None:
    """Tell what is confirmed, in one write."""
    os.write(1, json.dumps(fact).encode() + b"\n")


class Reporter:
    """Takes what the code of a job reports, as the worker does."""

    def __init__(self, job: str, attempt: int, folder: Path):
        self.id = job
        self.attempt = attempt
        self.checkpoint_dir = folder / "checkpoints"
        self.artifact_dir = folder / "artifacts"
        self.said: list[NewEvent] = []

    def report(self, type: str, data: dict[str, Any]) -> None:
        self.said.append(NewEvent(type=type, data=data))

    def is_cancelled(self) -> bool:
        return False


async def submit(store: JobStore, folders: JobFolders, job: str) -> None:
    """As a request with a file becomes a job."""
    folders.make(job)
    inputs = folders.inputs(job)
    inputs.mkdir()
    (inputs / "table").write_bytes(content(job, "input"))
    sync_tree(inputs)
    key = job if job.endswith("3") else None
    await store.submit(
        NewJob(id=job, kind="train", model="m", idempotency_key=key, request_hash="h", max_attempts=9)
    )
    say(did="submit", job=job)


async def run(store: JobStore, folders: JobFolders) -> None:
    """As a job runs: an artifact, a folder of them, a result that is a file."""
    for claim in await store.claim("one", 1, LEASE):
        job, folder = claim.job.id, folders.of(claim.job.id)
        for name in ("result", "checkpoints", "artifacts"):
            (folder / name).mkdir(exist_ok=True)
        sync_job(folder)
        reporter = Reporter(job, claim.attempt, folder)
        made = reporter.checkpoint_dir / "plots"
        made.mkdir()
        for name in ("model", "plots/loss"):
            (reporter.checkpoint_dir / name).write_bytes(content(job, name))
        current = CurrentJob(reporter)
        current.artifact(reporter.checkpoint_dir / "model")
        current.artifact(made)
        await store.append(job, claim.token, reporter.said)
        say(did="artifacts", job=job, names=["model", "plots/loss"])
        path = spooled(folder / "result" / "1", io.BytesIO(content(job, "result")))
        sync_tree(folder / "result")
        file = str(Path(path).relative_to(folder))
        await store.finish(job, claim.token, Outcome(state=State.SUCCEEDED, result_file=file))
        say(did="finish", job=job)


async def live(folder: Path) -> None:
    """Two lives: the second begins with what the first one has closed."""
    folders = JobFolders(folder)
    folders.root.mkdir()
    for life in range(2):
        store = await JobStore.open(folder / "jobs.sqlite")
        for number in range(0, JOBS, 2):
            await asyncio.gather(*(submit(store, folders, f"job{life}{number + one}") for one in range(2)))
            await run(store, folders)
        await store.close()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
