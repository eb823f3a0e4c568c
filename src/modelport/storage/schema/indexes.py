"""The indexes of the tables of jobs. The migrations make them; a test holds that both are the same.

They are apart from the tables since no query needs them, and a condition of PostgreSQL imports all that
SQLAlchemy knows of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text

from modelport.storage.schema.base import metadata
from modelport.storage.schema.jobs import deliveries, events, jobs

__all__ = ["metadata"]


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


Index("jobs_by_kind", jobs.c.kind, jobs.c.state, jobs.c.number)
Index("jobs_by_model", jobs.c.model, jobs.c.kind, jobs.c.state, jobs.c.number)
_partial("jobs_waiting", jobs.c.priority.desc(), jobs.c.number, jobs.c.model, where="state = 'queued'")
_partial("jobs_running", jobs.c.lease_until, jobs.c.owner, where="state = 'running'")
_partial("jobs_ended", jobs.c.finished_at, where="finished_at IS NOT NULL")
_partial("jobs_kept", jobs.c.finished_at, where="keep_seconds IS NOT NULL")
_partial(
    "jobs_once", jobs.c.requested_by, jobs.c.idempotency_key, where="idempotency_key IS NOT NULL", unique=True
)
_partial("events_but_log", events.c.job, events.c.sequence, where="type <> 'log'")
_partial("deliveries_due", deliveries.c.next_at, where="next_at IS NOT NULL")
Index("deliveries_by_job", deliveries.c.job)
