"""The tables of runs, versions and what is live, and their indexes."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, Table, Text

from modelport.storage.schema.base import metadata, number

runs = Table(
    "runs",
    metadata,
    Column("number", number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Integer),  # null: it has saved no model
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("started_at", Float(53)),
    Column("finished_at", Float(53)),
    Column("code_version", Text, nullable=False),
    Column("seed", Text, nullable=False),
    Column("saved", Text, nullable=False),  # a path below the job's folder, any other path, or a source
    Column("params", LargeBinary, nullable=False),
    Column("metrics", LargeBinary, nullable=False),
    Column("performance", LargeBinary, nullable=False),
    Column("environment", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("runs_by_id", runs.c.model, runs.c.id, unique=True)
Index("runs_by_number", runs.c.model, runs.c.number)
Index("runs_by_version", runs.c.model, runs.c.version, unique=True)

# Every number of a run by its name, so that runs can be put in order by any of them.
values = Table(
    "run_values",
    metadata,
    Column("run", number, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("value", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
Index("run_values_in_order", values.c.model, values.c.name, values.c.value, values.c.run)

# The last version that a model was given: numbers of removed ones do not come again.
version_numbers = Table(
    "version_numbers",
    metadata,
    Column("model", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", Float(53), nullable=False),
)

# What became live, when, and what the checks before it found.
promotions = Table(
    "promotions",
    metadata,
    Column("number", number, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),  # promotion or rollback
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("report", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("promotions_by_model", promotions.c.model, promotions.c.number)

# How the calls to a model are spread over its versions, as msgpack.
traffic = Table(
    "traffic",
    metadata,
    Column("model", Text, primary_key=True),
    Column("plan", LargeBinary, nullable=False),
)

# The model that has a name, and with it the runs, versions and jobs of that name, as msgpack.
origins = Table(
    "origins",
    metadata,
    Column("model", Text, primary_key=True),
    Column("origin", LargeBinary, nullable=False),
    Column("noted_at", Float(53), nullable=False),
)
