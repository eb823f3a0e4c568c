"""Making all tables of a new database at once."""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, text

from modelport.storage.schema import feedback, identity, jobs, runs, users
from modelport.storage.schema.base import HEAD, USABLE_FROM, WHERE, metadata, usable_from

__all__ = [
    "feedback",
    "identity",
    "make_tables",
    "metadata",
    "runs",
    "users",
]  # `metadata` has the tables of what is imported

# Alembic's table, as Alembic makes it: it says which migrations a database needs no more.
versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def make_tables(connection: Connection) -> None:
    """Make every table with its indexes, as the migrations would, inside the transaction of the caller.

    A table that is there already is an error.
    """
    database = connection.dialect.name
    for table in metadata.tables.values():
        for index in table.indexes:
            if WHERE in index.info:
                index.dialect_options[database]["where"] = text(index.info[WHERE])
    metadata.create_all(connection, checkfirst=False)
    versions.create(connection, checkfirst=False)
    connection.execute(insert(jobs.tokens), {"last": 0})
    connection.execute(insert(users.user_changes), {"id": 1, "number": 0})
    connection.execute(insert(versions), {"version_num": HEAD})
    connection.execute(insert(usable_from), {"version": USABLE_FROM})
