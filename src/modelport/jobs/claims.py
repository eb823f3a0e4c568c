"""Claims: giving waiting jobs to a server, and renewing what it holds. Pieces of work for the writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, case, func, insert, select, text, union_all, update

from modelport.jobs.records import Claim, Heartbeat, NewEvent
from modelport.jobs.rows import WHOLE, job_of, row_of_event
from modelport.jobs.states import State, check
from modelport.storage import failpoints
from modelport.storage.schema.jobs import events, jobs, token_sequence, tokens
from modelport.storage.writer import Transaction

MOST_WALKS = 20  # for more models at once all that waits is looked at in order: most of it is theirs then
TAKEN_MEANWHILE = 64  # jobs that other servers may be taking in this moment
COUNTED = "attempt", "revision", "last_event"  # each claim counts them on by one
_LOOK = jobs.c.number, jobs.c.kind, jobs.c.model, jobs.c.attempt
_IN_ORDER = jobs.c.priority.desc(), jobs.c.number
# Written out, not as a parameter: else SQLite does not see that the indexes of waiting jobs fit.
_QUEUED = text("state = 'queued'")
_WAITING = select(*_LOOK).where(_QUEUED)
_WHOLE = select(*WHOLE).where(jobs.c.number.in_(bindparam("numbers", expanding=True)))


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
    if models is not None and not models:
        return []
    there = tx.connection.execute(*_look(tx, limit, models)).all()
    chosen = choose([Waiting(*row) for row in there])
    if not chosen:
        return []
    claims = _claim(tx, chosen, owner, tx.lease_now + lease_seconds)
    failpoints.reach("claim.after")
    return claims


def _look(
    tx: Transaction, limit: int, models: Sequence[str] | None
) -> tuple[Select[Any, Any, Any, Any], dict[str, Any]]:
    """The query for the first jobs that wait, and what it is given.

    For a few models it walks along the index of each: so jobs of others, however many wait, are not looked
    at. What other servers are just taking is locked, and passed over.
    """
    given: dict[str, Any] = {"limit": limit}
    if models is None or len(models) > MOST_WALKS:
        query = _WAITING.order_by(*_IN_ORDER).limit(bindparam("limit")).with_for_update(skip_locked=True)
        return (query if models is None else query.where(jobs.c.model.in_(models))), given
    given |= {"most": limit + (TAKEN_MEANWHILE if tx.postgres else 0), "queued": State.QUEUED.value}
    given |= {f"model_{place}": model for place, model in enumerate(models)}
    return _waiting_of(len(models)), given


@cache
def _waiting_of(models: int) -> Select[Any, Any, Any, Any]:
    walks: list[Select[Any, Any]] = []
    for place in range(models):
        walk = select(jobs.c.number, jobs.c.priority).where(
            _QUEUED, jobs.c.model == bindparam(f"model_{place}")
        )
        first = walk.order_by(*_IN_ORDER).limit(bindparam("most")).subquery()
        walks.append(select(first.c.number, first.c.priority))
    all_of_them = union_all(*walks).subquery()
    first = select(all_of_them.c.number).order_by(all_of_them.c.priority.desc(), all_of_them.c.number)
    # Looked at again when it is locked: somebody may have taken it meanwhile. As a parameter, lest SQLite
    # walks along the index of all that wait.
    still = jobs.c.state == bindparam("queued")
    numbers = jobs.c.number.in_(first.limit(bindparam("most")))
    query = select(*_LOOK).where(numbers, still).order_by(*_IN_ORDER).limit(bindparam("limit"))
    return query.with_for_update(skip_locked=True)


def _claim(tx: Transaction, chosen: Sequence[int], owner: str, lease_until: float) -> list[Claim]:
    check(State.QUEUED, State.RUNNING)
    found = tx.connection.execute(_WHOLE, {"numbers": chosen}).mappings()
    rows = {row["number"]: dict(row) for row in found}
    given = dict(zip(chosen, _next_tokens(tx, len(chosen)), strict=True))
    same: dict[str, Any] = {
        "state": State.RUNNING.value,
        "owner": owner,
        "started_at": tx.now,
        "done": None,
        "total": None,
        "message": "",
    }
    claims: list[Claim] = []
    said: list[dict[str, Any]] = []
    for number, token in given.items():
        row = rows[number]
        counted = {name: row[name] + 1 for name in COUNTED}
        job = job_of({**row, **same, **counted, "token": token})
        state = NewEvent(type="state", data={"state": State.RUNNING.value, "attempt": job.attempt})
        said.append(row_of_event(number, job.last_event, job.attempt, state, tx.now))
        tx.touched.add(job.id)
        claims.append(Claim(job=job, token=token, attempt=job.attempt))
    # One statement, however many: they are locked, and wait.
    changes = {**same, **{name: jobs.c[name] + 1 for name in COUNTED}, "lease_until": lease_until}
    changed = update(jobs).where(jobs.c.number.in_(chosen))
    tx.connection.execute(changed.values(**changes, token=case(given, value=jobs.c.number)))
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
