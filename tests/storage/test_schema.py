"""The tables: a new database, which is made from them, is what the migrations make of an empty one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from postgres_server import Postgres
from sqlalchemy import Connection, Engine, text

from modelport.storage import migrations
from modelport.storage.migrate import migrate
from modelport.storage.postgres import postgres_engine
from modelport.storage.postgres_address import address_of
from modelport.storage.schema.base import HEAD
from modelport.storage.schema.making import metadata
from modelport.storage.sqlite import sqlite_engine

FOLDER = str(Path(migrations.__file__).parent)
SQLITE = ["SELECT type, name, tbl_name, sql FROM sqlite_master"]
COLUMNS = """
SELECT table_name, column_name, ordinal_position, data_type, numeric_precision, character_maximum_length,
    is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public'
"""
CONSTRAINTS = """
SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
SEQUENCES = """
SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle
FROM pg_sequences WHERE schemaname = 'public'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
POSTGRES = [COLUMNS, CONSTRAINTS, SEQUENCES, INDEXES]
MARKS = ("version_num FROM alembic_version", "last FROM tokens", "version FROM usable_from")
ROWS = [f"SELECT {mark}" for mark in MARKS]


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two empty databases."""
    if request.param == "sqlite":
        engines = sqlite_engine(str(tmp_path / "one")), sqlite_engine(str(tmp_path / "two"))
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        one, two = (address_of(postgres.new_database()) for _ in range(2))
        engines = postgres_engine(one, 1, 5.0), postgres_engine(two, 1, 5.0)
    yield engines
    for engine in engines:
        engine.dispose()


def run_migrations(connection: Connection) -> None:
    """All of them, one after the other, as for the oldest database."""
    config = Config()
    config.set_main_option("script_location", FOLDER)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def described(engine: Engine) -> list[list[tuple[object, ...]]]:
    """What the database itself says that it holds."""
    queries = [*(SQLITE if engine.dialect.name == "sqlite" else POSTGRES), *ROWS]
    with engine.connect() as connection:
        found = [connection.execute(text(query)).all() for query in queries]
    return [sorted(tuple(map(_plain, row)) for row in rows) for rows in found]


def _plain(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else str(value)


def test_a_new_database_is_what_the_migrations_make(empty: tuple[Engine, Engine]) -> None:
    new, old = empty
    migrate(new, "new")
    with old.begin() as connection:
        run_migrations(connection)
    made = described(new)
    assert all(made)
    assert made == described(old)


def test_the_migrations_make_the_tables_that_the_code_has(empty: tuple[Engine, Engine]) -> None:
    engine, _ = empty
    with engine.begin() as connection:
        run_migrations(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert ScriptDirectory(FOLDER).get_current_head() == HEAD


def test_a_database_that_the_migrations_made_is_left_as_it_is(empty: tuple[Engine, Engine]) -> None:
    engine, _ = empty
    with engine.begin() as connection:
        run_migrations(connection)
    before = described(engine)
    migrate(engine, "old")
    assert described(engine) == before
