"""The stores that the tests of runs use: each on a real database, told of trainings as a server's is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import version_site
from databases import anyio_backend, postgres, where
from run_records import Jobs, open_jobs

__all__ = ["anyio_backend", "jobs", "postgres", "where"]


@pytest.fixture
async def jobs(where: str, anyio_backend: str) -> AsyncIterator[Jobs]:
    """Jobs and runs in a new database."""
    opened = await open_jobs(where)
    yield opened
    await opened.store.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server whose trainings are done; to be copied."""
    folder = tmp_path_factory.mktemp("trained") / "data"
    version_site.make(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the data of a test's servers is."""
    return tmp_path / "data"
