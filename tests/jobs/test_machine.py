"""Any sequence of operations on two stores over one database, and the proof that it would find a mistake."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Machine
from postgres_server import Postgres
from sqlalchemy import ColumnElement, true

from modelport.jobs import claims
from modelport.jobs.store import JobStore

pytestmark = pytest.mark.slow

COMMON = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    stateful_step_count=40,
    print_blob=True,
    report_multiple_bugs=False,
)


async def _make(where: str) -> None:
    store = await JobStore.open(where)
    await store.close()


def machine_on_sqlite(folder: Path) -> type[Machine]:
    """The machine on a new file for each sequence, a copy of an empty one."""
    empty = folder / "empty.sqlite"
    anyio.run(_make, str(empty))
    numbers = itertools.count()

    class OnSqlite(Machine):
        def new_database(self) -> str:
            path = folder / f"{next(numbers)}.sqlite"
            shutil.copy(empty, path)
            return str(path)

    return OnSqlite


def machine_on_postgres(postgres: Postgres) -> type[Machine]:
    """The machine on one database, emptied for each sequence."""
    where = postgres.new_database()
    anyio.run(_make, where)

    class OnPostgres(Machine):
        def new_database(self) -> str:
            name = where.rpartition("/")[2]
            postgres.sql("TRUNCATE jobs, events, deliveries", name)
            postgres.sql("ALTER SEQUENCE job_token RESTART", name)
            return where

    return OnPostgres


def test_any_sequence_on_sqlite(tmp_path: Path) -> None:
    run_state_machine_as_test(machine_on_sqlite(tmp_path), settings=settings(COMMON, max_examples=25))


def test_any_sequence_on_postgresql(postgres: Postgres) -> None:
    run_state_machine_as_test(machine_on_postgres(postgres), settings=settings(COMMON, max_examples=12))


def unfenced(token: int) -> ColumnElement[bool]:
    """What forgets to look at the token."""
    return true()


def test_without_the_token_the_machine_finds_the_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "fence", unfenced)
    quick = settings(COMMON, max_examples=300, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="a stale attempt"):
        run_state_machine_as_test(machine_on_sqlite(tmp_path), settings=quick)
