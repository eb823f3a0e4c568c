"""Claims: giving waiting jobs to a server, and renewing what it holds. Pieces of work for the writer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, insert, select, text, update

from modelport.jobs.records import Claim, Heartbeat, NewEvent
from modelport.jobs.rows import WHOLE, job_of, row_of_event
from modelport.jobs.states import State, check
from modelport.storage import failpoints
from modelport.storage.schema.jobs import events, jobs, token_sequence, tokens
from modelport.storage.writer import Transaction


def fence(token: int) -> ColumnElement[bool]:
    """The condition of a write of an attempt: it counts only while no later attempt was claimed."""
    return jobs.c.token == token


def claim(
    tx: Transaction, owner: str, limit: int, lease_seconds: float, models: Sequence[str] | None
) -> list[Claim]:
    """Give up to `limit` waiting jobs to `owner`: the highest priority first, then the oldest."""
    failpoints.reach("claim.before")
    # Written out, not as a parameter: else SQLite does not see that the index of waiting jobs fits.
    query = select(jobs.c.number).where(text("state = 'queued'"))
    query = query.with_hint(jobs, "INDEXED BY jobs_waiting", "sqlite")
    if models is not None:
        query = query.where(jobs.c.model.in_(models))
    query = query.order_by(jobs.c.priority.desc(), jobs.c.number).limit(limit)
    numbers = tx.connection.execute(query.with_for_update(skip_locked=True)).scalars().all()
    claims = [_claim(tx, number, owner, lease_seconds) for number in numbers]
    if claims:
        failpoints.reach("claim.after")
    return claims


def _claim(tx: Transaction, number: int, owner: str, lease_seconds: float) -> Claim:
    check(State.QUEUED, State.RUNNING)
    token = _next_token(tx)
    statement = (
        update(jobs)
        .where(jobs.c.number == number, jobs.c.state == State.QUEUED.value)
        .values(
            state=State.RUNNING.value,
            attempt=jobs.c.attempt + 1,
            token=token,
            owner=owner,
            lease_until=tx.lease_now + lease_seconds,
            started_at=tx.now,
            done=None,
            total=None,
            message="",
            revision=jobs.c.revision + 1,
            last_event=jobs.c.last_event + 1,
        )
        .returning(*WHOLE)
    )
    job = job_of(tx.connection.execute(statement).mappings().one())
    state = NewEvent(type="state", data={"state": State.RUNNING.value, "attempt": job.attempt})
    row = row_of_event(number, job.last_event, job.attempt, state, tx.now)
    tx.connection.execute(insert(events), row)
    tx.touched.add(job.id)
    return Claim(job=job, token=token, attempt=job.attempt)


def _next_token(tx: Transaction) -> int:
    if tx.postgres:
        return tx.connection.execute(select(token_sequence.next_value())).scalar_one()
    raised = update(tokens).values(last=tokens.c.last + 1).returning(tokens.c.last)
    return tx.connection.execute(raised).scalar_one()


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
