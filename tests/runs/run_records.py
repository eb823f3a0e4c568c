"""Trainings and runs in a database, without a server around them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from making import running

from modelport.jobs.records import Claim, NewEvent, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.runs.recording import record_run
from modelport.runs.records import NewRun, Run
from modelport.runs.store import RunStore
from modelport.storage.database import Database
from modelport.storage.service import Storage

_numbers = itertools.count(1)


@dataclass
class Jobs:
    """The jobs and runs of a database."""

    store: JobStore

    @property
    def database(self) -> Database:
        return self.store.database

    @property
    def runs(self) -> RunStore:
        return RunStore(cast("Storage", self))  # which needs no more of it than the database


async def open_jobs(where: str, **options: Any) -> Jobs:
    """Open a database as a server does."""
    return Jobs(await JobStore.open(where, when_trained=record_run, **options))


def new_run(**fields: Any) -> NewRun:
    """A run that was made elsewhere."""
    fields = {"id": f"run{next(_numbers):06d}", "model": "m", "source": "directory", **fields}
    return NewRun(**fields)


def saved(path: str = "model/m.bin") -> NewEvent:
    """A training says that it has saved its model."""
    return NewEvent(type="model", data={"path": path})


def metric(name: str, value: float, step: int = 0) -> NewEvent:
    return NewEvent(type="metric", data={"name": name, "value": value, "step": step})


def returned(value: Any = None) -> Outcome:
    """A training ends well."""
    return Outcome(
        state=State.SUCCEEDED,
        status=200,
        result=msgspec.json.encode(value),
        result_type="application/json",
        ended_by="return",
    )


async def training(jobs: Jobs, **fields: Any) -> Claim:
    """A training that runs."""
    return await running(jobs.store, **{"kind": "train", "model": "m", **fields})


async def trained(jobs: Jobs, *events: NewEvent, result: Any = None, **fields: Any) -> Run:
    """A training that has succeeded, as a run."""
    claim = await training(jobs, **fields)
    await jobs.store.append(claim.job.id, claim.token, list(events))
    assert await jobs.store.finish(claim.job.id, claim.token, returned(result)) is not None
    run = await jobs.runs.get(claim.job.model, claim.job.id)
    assert run is not None
    return run
