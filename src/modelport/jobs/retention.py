"""Removing jobs that ended long ago. A piece of work for the writer."""

from __future__ import annotations

from sqlalchemy import and_, delete, exists, func, or_, select, text

from modelport.jobs.states import ENDED
from modelport.storage import failpoints
from modelport.storage.schema.jobs import deliveries, events, jobs
from modelport.storage.schema.shared_files import shared_files
from modelport.storage.writer import Transaction

CHUNK = 200  # jobs in one commit: what else waits to be written waits for no more than that


def prune(tx: Transaction, before: float) -> list[str]:
    """Remove some jobs that ended before `before`, with all that belongs to them; returns their ids.

    A job that is kept for a time of its own is removed when that has passed, if that is earlier; one that is
    kept for ever is not. A job whose webhook is still owed stays.
    """
    failpoints.reach("prune.before")
    owed = exists().where(deliveries.c.job == jobs.c.number, deliveries.c.next_at.is_not(None))
    # Conditions of indexes are written out: else SQLite does not see that they fit. Each side has its own.
    usual = and_(text("finished_at IS NOT NULL"), jobs.c.finished_at < before)
    ended_at = func.coalesce(
        jobs.c.finished_at, tx.now
    )  # it is there; said so, SQLite may walk the index of all
    own = and_(
        text("keep_seconds IS NOT NULL"), jobs.c.keep_seconds >= 0, ended_at + jobs.c.keep_seconds < tx.now
    )
    has_end = or_(jobs.c.keep_seconds.is_(None), jobs.c.keep_seconds >= 0)
    ended = has_end, jobs.c.state.in_([state.value for state in ENDED])
    found: set[int] = set()
    for side in (usual, own):
        query = select(jobs.c.number).where(side, *ended, ~owed).order_by(jobs.c.finished_at).limit(CHUNK)
        found.update(tx.connection.execute(query).scalars())
    numbers = sorted(found)[:CHUNK]
    if not numbers:
        return []
    # Once more with the conditions: one of them may have been queued again since.
    removed = (
        delete(jobs)
        .where(jobs.c.number.in_(numbers), or_(usual, own), *ended)
        .returning(jobs.c.number, jobs.c.id)
    )
    rows = tx.connection.execute(removed).all()
    gone = [row.number for row in rows]
    tx.connection.execute(delete(events).where(events.c.job.in_(gone)))
    tx.connection.execute(delete(deliveries).where(deliveries.c.job.in_(gone)))
    tx.connection.execute(delete(shared_files).where(shared_files.c.job.in_([row.id for row in rows])))
    tx.touched.update(row.id for row in rows)
    failpoints.reach("prune.after")
    return [row.id for row in rows]
