"""The tables of jobs, and their indexes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Table,
    Text,
    text,
)

from modelport.storage.schema.base import metadata, number, where

jobs = Table(
    "jobs",
    metadata,
    Column("number", number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("accept", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", Float(53)),
    Column("cancel_requested", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("request_hash", Text, nullable=False),
    Column("callback_url", Text),
    Column("created_at", Float(53), nullable=False),
    Column("started_at", Float(53)),
    Column("finished_at", Float(53)),
    Column("done", Float(53)),
    Column("total", Float(53)),
    Column("message", Text, nullable=False),
    Column("last_event", BigInteger, nullable=False),
    # How the last attempt ended; `status` is null while there is no outcome.
    Column("status", Integer),
    Column("result_file", Text, nullable=False),
    Column("result_type", Text, nullable=False),
    Column("result_name", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("ended_by", Text, nullable=False),
    # Large columns last: SQLite then never reads them for a list.
    Column("arguments", LargeBinary, nullable=False),
    Column("call", LargeBinary, nullable=False),
    Column("result", LargeBinary, nullable=False),
    # Since 0002: the rest of how the last attempt ended.
    Column("reason", Text, nullable=False, server_default=""),
    Column("headers", LargeBinary, nullable=False, server_default=text("''")),
    Column("keep_seconds", Float(53)),  # since 0004: after its end; null: as long as all jobs
    sqlite_autoincrement=True,  # a number of a removed job never comes again
)
Index("jobs_by_kind", jobs.c.kind, jobs.c.state, jobs.c.number)
Index("jobs_by_model", jobs.c.model, jobs.c.kind, jobs.c.state, jobs.c.number)
Index("jobs_waiting", jobs.c.priority.desc(), jobs.c.number, jobs.c.model, info=where("state = 'queued'"))
Index(
    "jobs_waiting_of_model",
    jobs.c.model,
    jobs.c.priority.desc(),
    jobs.c.number,
    info=where("state = 'queued'"),
)
Index("jobs_waiting_by", jobs.c.requested_by, jobs.c.number, info=where("state = 'queued'"))
Index("jobs_running", jobs.c.lease_until, jobs.c.owner, info=where("state = 'running'"))
Index("jobs_ended", jobs.c.finished_at, info=where("finished_at IS NOT NULL"))
Index("jobs_kept", jobs.c.finished_at, info=where("keep_seconds IS NOT NULL"))
Index("jobs_by_requester", jobs.c.requested_by, jobs.c.number, info=where("requested_by <> ''"))
Index(
    "jobs_once",
    jobs.c.requested_by,
    jobs.c.idempotency_key,
    unique=True,
    info=where("idempotency_key IS NOT NULL"),
)

# One event a row, but lines of a log that were written together: `sequence` is the number of the last one.
events = Table(
    "events",
    metadata,
    Column("job", number, primary_key=True, autoincrement=False),
    Column("sequence", number, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("events_but_log", events.c.job, events.c.sequence, info=where("type <> 'log'"))

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("job", number, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("next_at", Float(53)),  # null: nothing more is tried
    Column("delivered_at", Float(53)),
    Column("last_error", Text, nullable=False),
)
Index("deliveries_due", deliveries.c.next_at, info=where("next_at IS NOT NULL"))
Index("deliveries_by_job", deliveries.c.job)

# The last fencing token that was given, on SQLite, in one row. PostgreSQL has a sequence, which does not
# make claims of several servers wait for each other.
tokens = Table("tokens", metadata, Column("last", BigInteger, nullable=False))
token_sequence = Sequence("job_token", metadata=metadata)
