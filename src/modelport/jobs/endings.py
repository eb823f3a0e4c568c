"""Ends of many attempts in a few statements: of predictions that have succeeded, which come together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, bindparam, insert, select, update

from modelport.jobs.deliveries import announce
from modelport.jobs.records import Job, NewEvent, Outcome
from modelport.jobs.rows import SUMMARY, columns_of_outcome, job_of, row_of_event
from modelport.jobs.states import State, check
from modelport.storage import failpoints
from modelport.storage.schema.jobs import events, jobs
from modelport.storage.writer import Transaction

_ROWS = (
    select(*SUMMARY)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(jobs.c.number)  # two servers that lock the same rows must not wait in a ring
    .with_for_update()
)
_UPDATE = update(jobs).where(jobs.c.number == bindparam("of_number"))  # which is locked, and as it was read
SUCCEEDED = NewEvent(type="state", data={"state": State.SUCCEEDED.value, "ended_by": "return"})


class Ending(NamedTuple):
    """How an attempt has ended, by who had that token."""

    job_id: str
    token: int
    outcome: Outcome


def is_plain(ending: Ending) -> bool:
    """True if it may be among those that `finish_plain` ends."""
    outcome = ending.outcome
    return outcome.state is State.SUCCEEDED and outcome.ended_by == "return" and not outcome.files


def finish_plain(tx: Transaction, endings: Sequence[Ending]) -> dict[str, Job]:
    """End those of these attempts that are predictions, run still and were not asked to stop; returns them.

    Each of the others is `transitions.finish`'s.
    """
    failpoints.reach("finish.before")
    found = tx.connection.execute(_ROWS, {"ids": [ending.job_id for ending in endings]}).mappings()
    rows = {row["id"]: row for row in found}
    ended: dict[str, Job] = {}
    changed: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for job_id, token, outcome in endings:
        row = rows.get(job_id)
        if row is None or not _is_plain(row, token):
            continue
        check(State.RUNNING, State.SUCCEEDED)
        changes: dict[str, Any] = {
            "state": State.SUCCEEDED.value,
            "finished_at": tx.now,
            "revision": row["revision"] + 1,
            "last_event": row["last_event"] + 1,
            **columns_of_outcome(outcome),
        }
        changed.append({**changes, "of_number": row["number"], "lease_until": None})
        said.append(row_of_event(row["number"], changes["last_event"], row["attempt"], SUCCEEDED, tx.now))
        now = {**row, **changes}
        ended[job_id] = job_of(now)
        announce(tx, now)
        tx.touched.add(job_id)
    if changed:
        tx.connection.execute(_UPDATE, changed)
        tx.connection.execute(insert(events), said)
    failpoints.reach("finish.after")
    return ended


def _is_plain(row: RowMapping, token: int) -> bool:
    is_mine = row["state"] == State.RUNNING and row["token"] == token
    return is_mine and row["kind"] == "predict" and not row["cancel_requested"]
