"""How jobs stand in a store at the end of a history, for its rules."""

from __future__ import annotations

import json
import time
from typing import Any

from history import Record

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Event, Job
from modelport.jobs.states import State
from modelport.jobs.store import JobStore


async def finals(where: str, folders: JobFolders) -> list[Record]:
    """A record of each job in the database; large results lie in their folders."""
    store = await JobStore.open(where)
    try:
        found: list[Record] = []
        cursor: int | None = None
        while True:
            page = await store.list(limit=500, cursor=cursor, with_call=True)
            for job in page.jobs:
                result = _result(job, folders)
                found.append(final(job, result, list(await store.events(job.id, limit=10_000))))
            cursor = page.cursor
            if cursor is None:
                return found
    finally:
        await store.close()


def _result(job: Job, folders: JobFolders) -> str | None:
    if job.outcome is None or job.state is not State.SUCCEEDED:
        return None
    if job.outcome.result_file:
        return (folders.of(job.id) / job.outcome.result_file).read_text()
    return job.outcome.result.decode()


def final(job: Job, result: str | None, events: list[Event]) -> Record:
    """A job and its events as one record."""
    assert [event.sequence for event in events] == list(range(1, job.last_event + 1)), job.id
    value: dict[str, Any] = {
        "state": str(job.state),
        "revision": job.revision,
        "attempt": job.attempt,
        "token": job.token,
        "principal": job.requested_by,
        "idempotency_key": job.idempotency_key,
        "callback": job.callback_url is not None,
        "created": job.created_at,
        "finished": job.finished_at,
        "states": [event.data["state"] for event in events if event.type == "state"],
        "events": [[event.sequence, text_of(event.type, event.data)] for event in events],
        "result": result,
        "accepted": None if result is None else accepted(json.loads(result)),
    }
    now = time.time()
    return Record("store", "final", job.id, now, now, "ok", value)


def accepted(result: dict[str, Any]) -> dict[str, int]:
    """What a result says of the attempt that made it."""
    said = result.get("predictions", result)
    return {name: said[name] for name in ("attempt", "token") if name in said}


def text_of(kind: str, data: dict[str, Any]) -> str:
    """An event in a few words, the same for every reader."""
    return f"{kind} {data.get('state') or data.get('line')}"
