"""The tables of jobs. The migrations make them; a test holds that both are the same."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, Sequence, Table, Text, text

from modelport.storage.schema.base import metadata, number

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

# The last fencing token that was given, on SQLite, in one row. PostgreSQL has a sequence, which does not
# make claims of several servers wait for each other.
tokens = Table("tokens", metadata, Column("last", BigInteger, nullable=False))
token_sequence = Sequence("job_token", metadata=metadata)
