"""Claims: giving waiting jobs to a server, and renewing what it holds. Pieces of work for the writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, bindparam, func, insert, select, text, update

from modelport.jobs.records import Claim, Heartbeat, NewEvent
from modelport.jobs.rows import WHOLE, job_of, row_of_event
from modelport.jobs.states import State, check
from modelport.storage import failpoints
from modelport.storage.schema.jobs import events, jobs, token_sequence, tokens
from modelport.storage.writer import Transaction

_WHOLE = select(*WHOLE).where(jobs.c.number.in_(bindparam("numbers", expanding=True)))
_UPDATE = update(jobs).where(jobs.c.number == bindparam("of_number"))  # which is locked, and waits


class Waiting(NamedTuple):
    """A job that may be claimed; `attempt` is the number of its last one."""

    number: int
    kind: str
    model: str
    attempt: int


Choose: TypeAlias = Callable[[Sequence[Waiting]], Sequence[int]]


def all_of_them(there: Sequence[Waiting]) -> list[int]:
    """Choose every job that may be claimed."""
    return [job.number for job in there]


def fence(token: int) -> ColumnElement[bool]:
    """The condition of a write of an attempt: it counts only while no later attempt was claimed."""
    return jobs.c.token == token


def claim(
    tx: Transaction,
    owner: str,
    limit: int,
    lease_seconds: float,
    models: Sequence[str] | None,
    choose: Choose = all_of_them,
) -> list[Claim]:
    """Give up to `limit` waiting jobs to `owner`, the highest priority first, then the oldest.

    `choose` says which of those that may be looked at, in this order, it wants; the others wait on.
    """
    failpoints.reach("claim.before")
    # Written out, not as a parameter: else SQLite does not see that the index of waiting jobs fits.
    query = select(jobs.c.number, jobs.c.kind, jobs.c.model, jobs.c.attempt).where(text("state = 'queued'"))
    query = query.with_hint(jobs, "INDEXED BY jobs_waiting", "sqlite")
    if models is not None:
        query = query.where(jobs.c.model.in_(models))
    query = query.order_by(jobs.c.priority.desc(), jobs.c.number).limit(limit)
    there = tx.connection.execute(query.with_for_update(skip_locked=True)).all()
    chosen = choose([Waiting(*row) for row in there])
    if not chosen:
        return []
    claims = _claim(tx, chosen, owner, tx.lease_now + lease_seconds)
    failpoints.reach("claim.after")
    return claims


def _claim(tx: Transaction, chosen: Sequence[int], owner: str, lease_until: float) -> list[Claim]:
    check(State.QUEUED, State.RUNNING)
    found = tx.connection.execute(_WHOLE, {"numbers": chosen}).mappings()
    rows = {row["number"]: dict(row) for row in found}
    claims: list[Claim] = []
    changed: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for number, token in zip(chosen, _next_tokens(tx, len(chosen)), strict=True):
        row = rows[number]
        changes: dict[str, Any] = {
            "state": State.RUNNING.value,
            "attempt": row["attempt"] + 1,
            "token": token,
            "owner": owner,
            "started_at": tx.now,
            "done": None,
            "total": None,
            "message": "",
            "revision": row["revision"] + 1,
            "last_event": row["last_event"] + 1,
        }
        changed.append({**changes, "of_number": number, "lease_until": lease_until})
        job = job_of({**row, **changes})
        state = NewEvent(type="state", data={"state": State.RUNNING.value, "attempt": job.attempt})
        said.append(row_of_event(number, job.last_event, job.attempt, state, tx.now))
        tx.touched.add(job.id)
        claims.append(Claim(job=job, token=token, attempt=job.attempt))
    tx.connection.execute(_UPDATE, changed)
    tx.connection.execute(insert(events), said)
    return claims


def _next_tokens(tx: Transaction, count: int) -> list[int]:
    """So many numbers, each higher than all that were given before."""
    if tx.postgres:
        query = select(token_sequence.next_value()).select_from(func.generate_series(1, count))
        return sorted(tx.connection.execute(query).scalars())
    raised = update(tokens).values(last=tokens.c.last + count).returning(tokens.c.last)
    last = tx.connection.execute(raised).scalar_one()
    return list(range(last - count + 1, last + 1))


def heartbeat(tx: Transaction, owner: str, held: dict[str, int], lease_seconds: float) -> Heartbeat:
    """Renew the leases of the claims that `owner` holds (job id: token)."""
    beat = Heartbeat(alive=set(), cancel_requested=set())
    for job_id in sorted(held):  # in one order: two servers that touch the same rows must not wait in a ring
        statement = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.state == State.RUNNING.value)
            .where(jobs.c.owner == owner, fence(held[job_id]))
            .values(lease_until=tx.lease_now + lease_seconds)
            .returning(jobs.c.cancel_requested)
        )
        asked = tx.connection.execute(statement).scalar_one_or_none()
        if asked is not None:
            beat.alive.add(job_id)
        if asked:
            beat.cancel_requested.add(job_id)
    return beat
