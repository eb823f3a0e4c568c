"""Changing jobs inside a transaction: every function here is a piece of work for the writer.

Each change of state is checked against the table of `states`, is conditional on the state (and, within an
attempt, on the token) it was decided on, raises the revision and leaves an event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace
from sqlalchemy import ColumnElement, RowMapping, bindparam, insert, select, text, update

from modelport.jobs import claims
from modelport.jobs.deliveries import announce, release
from modelport.jobs.errors import IdempotencyConflict, RetryRefused
from modelport.jobs.queries import check_room
from modelport.jobs.records import Job, NewEvent, NewJob, Outcome, QueueLimits, cancelled_as
from modelport.jobs.rows import (
    NO_OUTCOME,
    SUMMARY,
    columns_of_outcome,
    job_of,
    plain,
    row_of_event,
    row_of_new,
    rows_of_events,
)
from modelport.jobs.states import ENDED, State, check
from modelport.storage import failpoints
from modelport.storage.schema.jobs import events, jobs
from modelport.storage.schema.shared_files import shared_files
from modelport.storage.upserts import insert_into, made_once
from modelport.storage.writer import Transaction

# The row of a job that has succeeded, and how it ended: what comes of a training is not the jobs' business.
WhenTrained: TypeAlias = Callable[[Transaction, RowMapping, Outcome], None]

# What is told of when a job waits to be run, and when one that runs is asked to stop.
WAITING, CANCELLING = "jobs that wait", "jobs to be stopped"
BEFORE_IT_RAN = cancelled_as("before it ran")
_INSERT_JOB = insert(jobs).returning(jobs.c.number)
_INSERT_EVENT = insert(events)
_LOCK = select(*SUMMARY).where(jobs.c.id == bindparam("job_id")).with_for_update()
_NUMBER = select(jobs.c.number, jobs.c.last_event).with_for_update()
_COUNT_ON = (
    update(jobs)
    .values(last_event=jobs.c.last_event + bindparam("more"), revision=jobs.c.revision + 1)
    .returning(jobs.c.number, jobs.c.last_event, jobs.c.attempt)
)
_insert_once = made_once(
    lambda insert_into: insert_into(jobs).on_conflict_do_nothing().returning(jobs.c.number)
)


def submit(tx: Transaction, new: NewJob, limits: QueueLimits) -> tuple[Job, bool]:
    """Store a job, or find the one that the same request made before."""
    failpoints.reach("submit.before_insert")
    row = row_of_new(new, tx.now)
    if new.idempotency_key is None:
        check_room(tx.connection, new.model, new.requested_by, limits)
        number = tx.connection.execute(_INSERT_JOB, row).scalar_one()
    else:
        first = _same_request(tx, row)
        if first is not None:
            return first, False
        check_room(tx.connection, new.model, new.requested_by, limits)
        number = tx.connection.execute(_insert_once(tx.postgres), row).scalar()
        if number is None:  # another server was faster
            first = _same_request(tx, row)
            if first is None:
                raise ValueError(f"two jobs were given the id {new.id}")
            return first, False
    row["number"] = number
    state = NewEvent(type="state", data={"state": State.QUEUED.value})
    tx.connection.execute(_INSERT_EVENT, row_of_event(number, 1, 0, state, tx.now))
    if new.files:
        name_files(tx, new.id, new.files)
    tx.touched |= {new.id, WAITING}
    failpoints.reach("submit.after_insert")
    return job_of(row), True


def _same_request(tx: Transaction, row: dict[str, Any]) -> Job | None:
    """The job that was made with the same key. Raises `IdempotencyConflict` if it was another request."""
    key = row["idempotency_key"]
    query = select(*SUMMARY).where(jobs.c.requested_by == row["requested_by"], jobs.c.idempotency_key == key)
    found = tx.connection.execute(query).mappings().first()
    if found is None:
        return None
    if found["request_hash"] != row["request_hash"]:
        raise IdempotencyConflict(key, found["id"])
    return job_of(found)


def append(
    tx: Transaction, job_id: str, token: int, new: list[NewEvent], after: int | None = None
) -> int | None:
    """Write what an attempt reports. Returns the last sequence number; `None` if the attempt is stale.

    `after` is the last sequence number that the attempt was told: if it has written since, and the answer was
    lost on its way, this is the same again, and nothing is written.
    """
    mine = _of_attempt(job_id, token)
    if after is None:
        return _append(tx, job_id, new, *mine)
    last = _append(tx, job_id, new, *mine, jobs.c.last_event == after)
    if last is not None:
        return last
    # Stale, written before, or somebody else wrote, who asked it to stop: that leaves an event of its state.
    row = tx.connection.execute(_NUMBER.where(*mine)).first()
    if row is None:
        return None
    said = events.c.job == row.number, events.c.sequence > after, events.c.type != "state"
    if tx.connection.execute(select(events.c.sequence).where(*said).limit(1)).first() is not None:
        return row.last_event
    return _append(tx, job_id, new, *mine)


def _append(
    tx: Transaction, job_id: str, new: list[NewEvent], *conditions: ColumnElement[bool]
) -> int | None:
    changes: dict[str, Any] = {}
    for event in new:
        if event.type == "progress":
            changes |= _progress(event.data)
    statement = _COUNT_ON.where(*conditions).values(**changes)
    row = tx.connection.execute(statement, {"more": len(new)}).first()
    if row is None:
        return None
    first = row.last_event - len(new) + 1
    if new:
        tx.connection.execute(_INSERT_EVENT, rows_of_events(row.number, first, row.attempt, new, tx.now))
    tx.touched.add(job_id)
    failpoints.reach("append.after")
    return row.last_event


def _progress(data: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("done", "total"):
        value = data.get(name)
        if isinstance(value, int | float):
            changes[name] = float(value)
    if isinstance(data.get("message"), str):
        changes["message"] = plain(data["message"])
    return changes


def finish(
    tx: Transaction, job_id: str, token: int, outcome: Outcome, when_trained: WhenTrained | None = None
) -> Job | None:
    """End an attempt; `None` if it is stale. `when_trained` is told of a training that has succeeded.

    Saying the same again is answered with the job: the first answer may have been lost on its way. A job
    whose cancellation was confirmed never succeeds: its run may have begun after that, on a server that did
    not know of it yet.
    """
    failpoints.reach("finish.before")
    row = _locked(tx, job_id)
    if row is None:
        return None
    if row["cancel_requested"] and outcome.state == State.SUCCEEDED:
        outcome = replace(cancelled_as(outcome.ended_by), files=outcome.files)
    if row["state"] != State.RUNNING:
        said = row["token"] == token and row["state"] == outcome.state and row["status"] == outcome.status
        return job_of(row) if said else None
    ended = _end_attempt(tx, row, token, outcome)
    is_trained = ended is not None and row["kind"] == "train" and outcome.state == State.SUCCEEDED
    if ended is not None and is_trained and when_trained is not None:
        when_trained(tx, ended, outcome)
    failpoints.reach("finish.after")
    return None if ended is None else job_of(ended)


def unclaim(tx: Transaction, job_id: str, token: int) -> Job | None:
    """Queue a job again whose code has not begun: its claim counts for nothing. `None` if that is stale."""
    row = _locked(tx, job_id)
    if row is None or row["state"] != State.RUNNING:
        return None
    fresh = {"owner": "", "lease_until": None, "started_at": None, "attempt": jobs.c.attempt - 1}
    queued = _move(tx, row, State.QUEUED, fresh, {}, claims.fence(token))
    if queued is None or not queued["cancel_requested"]:
        return None if queued is None else job_of(queued)
    return job_of(_cancel(tx, queued, BEFORE_IT_RAN) or queued)


def stop(tx: Transaction, job_id: str, token: int, outcome: Outcome) -> Job | None:
    """End an attempt because its server stops, which costs none of the attempts. `None` if it is stale.

    A job that may have several is queued again, with one more; one that may have only one is not begun
    again without being asked.
    """
    row = _locked(tx, job_id)
    if row is None or row["state"] != State.RUNNING:
        return None
    allowed = row["max_attempts"]
    if allowed > 1:
        allowed = max(allowed, row["attempt"]) + 1
    ended = _end_attempt(tx, row, token, outcome, allowed)
    return None if ended is None else job_of(ended)


def name_files(tx: Transaction, job_id: str, files: str) -> None:
    """Say which list of files a job has at the place of shared files: all that it names is there."""
    new = insert_into(postgres=tx.postgres)(shared_files).values(job=job_id, list=files)
    tx.connection.execute(new.on_conflict_do_update(index_elements=["job"], set_={"list": files}))


def name_running(tx: Transaction, job_id: str, token: int, files: str) -> bool:
    """`name_files` of an attempt that runs; false, and nothing is written, if it is stale."""
    row = _locked(tx, job_id)
    if row is None or row["state"] != State.RUNNING or row["token"] != token:
        return False
    name_files(tx, job_id, files)
    return True


def _end_attempt(
    tx: Transaction, row: RowMapping, token: int, outcome: Outcome, allowed: int | None = None
) -> RowMapping | None:
    ended = _end_row(tx, row, token, outcome, allowed)
    if ended is not None and outcome.files:
        name_files(tx, row["id"], outcome.files)
    return ended


def _end_row(
    tx: Transaction, row: RowMapping, token: int, outcome: Outcome, allowed: int | None
) -> RowMapping | None:
    """`running` to the outcome's state, and on from `interrupted` where attempts or a cancellation lead.

    `allowed` is how many attempts there may be from now on, if that changes.
    """
    mine = claims.fence(token)
    changes = {"finished_at": tx.now, "lease_until": None, **columns_of_outcome(outcome)}
    said = {"error": outcome.error, "ended_by": outcome.ended_by}
    if outcome.state != State.INTERRUPTED:
        return _move(tx, row, outcome.state, changes, said, mine)
    allowed = row["max_attempts"] if allowed is None else allowed
    rests = not row["cancel_requested"] and row["attempt"] >= allowed
    ended = _move(tx, row, State.INTERRUPTED, changes, said, mine, rests=rests)
    if ended is None or rests:
        return ended
    if row["cancel_requested"]:
        return _cancel(tx, ended, cancelled_as(outcome.ended_by))
    return _requeue(tx, ended, max_attempts=allowed)


def request_cancel(tx: Transaction, job_id: str) -> Job | None:
    """Cancel a job that waits; ask a running one to stop; leave one that has ended. `None`: no such job."""
    row = _locked(tx, job_id)
    if row is None:
        return None
    if row["state"] in (State.QUEUED, State.INTERRUPTED):
        return job_of(_cancel(tx, row, BEFORE_IT_RAN) or row)
    if row["state"] == State.RUNNING and not row["cancel_requested"]:
        asked = NewEvent(type="state", data={"state": State.RUNNING.value, "cancel_requested": True})
        row = _change(tx, row, {"cancel_requested": True}, asked, jobs.c.state == State.RUNNING.value) or row
        tx.touched.add(CANCELLING)
    return job_of(row)


def rescue(tx: Transaction, lost_owners: set[str], grace: float) -> list[Job]:
    """Take running jobs from servers that are gone: those in `lost_owners`, and those whose lease is over.

    The oldest one is the first of those that are returned.
    """
    over = jobs.c.lease_until < tx.lease_now - grace
    if lost_owners:
        over = over | jobs.c.owner.in_(sorted(lost_owners))
        release(tx, lost_owners)
    # Written out, and in this order: else SQLite looks at all jobs, not at the index of those that run.
    running = text("state = 'running'")
    query = (
        select(*SUMMARY).where(running, over).order_by(jobs.c.lease_until).with_for_update(skip_locked=True)
    )
    lost = Outcome(
        state=State.INTERRUPTED, status=503, error="the server that ran it is gone", ended_by="lost"
    )
    rescued: list[Job] = []
    for row in tx.connection.execute(query).mappings().all():
        ended = _end_attempt(tx, row, row["token"], lost)
        if ended is not None:
            rescued.append(job_of(ended))
    if rescued:
        failpoints.reach("rescue.after")
    return sorted(rescued, key=lambda job: job.number)


def retry(tx: Transaction, job_id: str) -> Job | None:
    """Queue an interrupted job again, though its attempts are used up. Raises `RetryRefused`.

    How many it may have is not changed by that: it says what may happen without being asked.
    """
    row = _locked(tx, job_id)
    if row is None:
        return None
    if row["state"] != State.INTERRUPTED:
        raise RetryRefused(job_id, row["state"])
    return job_of(_requeue(tx, row) or row)


# -- the parts -------------------------------------------------------------------------------------

RUNNING = jobs.c.state == State.RUNNING.value


def _of_attempt(job_id: str, token: int) -> tuple[ColumnElement[bool], ...]:
    """What must hold for a write of an attempt."""
    return jobs.c.id == job_id, RUNNING, claims.fence(token)


def _locked(tx: Transaction, job_id: str) -> RowMapping | None:
    """A job's row, which nobody else changes until the commit. (SQLite has one writer and ignores it.)"""
    return tx.connection.execute(_LOCK, {"job_id": job_id}).mappings().first()


def _cancel(tx: Transaction, row: RowMapping, how: Outcome) -> RowMapping | None:
    changes = {"finished_at": tx.now, **columns_of_outcome(how)}
    return _move(tx, row, State.CANCELLED, changes, {"ended_by": how.ended_by})


def _requeue(tx: Transaction, row: RowMapping, **changes: Any) -> RowMapping | None:
    fresh = {"owner": "", "finished_at": None, **NO_OUTCOME, **changes}
    return _move(tx, row, State.QUEUED, fresh, {})


def _move(
    tx: Transaction,
    row: RowMapping,
    after: State,
    changes: dict[str, Any],
    said: dict[str, Any],
    *conditions: ColumnElement[bool],
    rests: bool = True,
) -> RowMapping | None:
    """Bring a job from its state to `after`; `None` if it is not there any longer."""
    check(State(row["state"]), after)
    data = {"state": after.value, **{name: value for name, value in said.items() if value}}
    still = jobs.c.state == row["state"]
    values = {"state": after.value, **changes}
    moved = _change(tx, row, values, NewEvent(type="state", data=data), still, *conditions)
    if moved is not None and after is State.QUEUED:
        tx.touched.add(WAITING)
    if moved is not None and rests and after in ENDED:
        announce(tx, moved)
    return moved


def _change(
    tx: Transaction,
    row: RowMapping,
    values: dict[str, Any],
    event: NewEvent,
    *conditions: ColumnElement[bool],
) -> RowMapping | None:
    """Change a row if the conditions still hold, with its event."""
    statement = (
        update(jobs)
        .where(jobs.c.number == row["number"], *conditions)
        .values(revision=jobs.c.revision + 1, last_event=jobs.c.last_event + 1, **values)
        .returning(*SUMMARY)
    )
    changed = tx.connection.execute(statement).mappings().first()
    if changed is None:
        return None
    new = row_of_event(changed["number"], changed["last_event"], changed["attempt"], event, tx.now)
    tx.connection.execute(_INSERT_EVENT, new)
    tx.touched.add(changed["id"])
    return changed
