"""INSERT with ON CONFLICT, which SQLAlchemy has for each database apart.

Only what the database in use needs is imported: SQLAlchemy's PostgreSQL takes a tenth of a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import Table

InsertInto: TypeAlias = Callable[[Table], Any]


def insert_into(*, postgres: bool) -> InsertInto:
    """What makes a statement that inserts into a table, with `on_conflict_do_nothing()` and the like."""
    if postgres:
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        return postgres_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


def made_once(statement: Callable[[InsertInto], Any]) -> Callable[[bool], Any]:
    """The statement of PostgreSQL (true) or of SQLite (false), made when it is first asked for."""

    @functools.cache
    def made(postgres: bool) -> Any:
        return statement(insert_into(postgres=postgres))

    return made
