"""The tables of who may come in, and of what was done by whom."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Table, Text

from modelport.storage.schema.base import metadata, number

# API keys. Of the key itself there is its SHA-256 alone, and the prefix by which its owner knows it.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False),  # who asks with it; a key in its place has the same
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # with commas between them, as `models`
    Column("models", Text),  # null: all
    Column("created_at", Float(53), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float(53)),  # null: never
    Column("revoked_at", Float(53)),
    Column("last_used_at", Float(53)),
    Column("rate", Text),  # of the quotas of its own; null: what the settings say
    Column("calls_at_once", BigInteger),
    Column("queued_jobs", BigInteger),
    Column("bytes_per_day", BigInteger),
)
Index("keys_by_name", keys.c.name)

# What was done, by whom: rows are added, and never changed.
audit = Table(
    "audit",
    metadata,
    Column("number", number, primary_key=True, autoincrement=True),
    Column("at", Float(53), nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("details", LargeBinary, nullable=False),  # as msgpack
    sqlite_autoincrement=True,
)

# What is left of the rates of those who ask, which the servers of a database have together.
allowances = Table(
    "allowances",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("ends_at", Float(53), nullable=False),  # the stretch of time that it is for
    Column("used", BigInteger, nullable=False),
)

# What was used, by whom and of which model, on each day (UTC), which is a number of days since 1970.
usage = Table(
    "usage",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("principal", Text, primary_key=True),
    Column("model", Text, primary_key=True),  # empty: of no model
    Column("requests", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("model_seconds", Float(53), nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False, server_default="0"),
    Column("completion_tokens", BigInteger, nullable=False, server_default="0"),
)
Index("usage_by_principal", usage.c.principal, usage.c.day)
