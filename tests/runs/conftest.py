"""The stores that the tests of runs use: each on a real database, told of trainings as a server's is."""

from __future__ import annotations

import fcntl
import os
import shutil
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
    """The data of a server whose trainings are done, to be copied; one process of pytest-xdist makes it."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, is_made = place / "trained", place / "trained.made"
    with (place / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed half-way
            version_site.make(folder)
            is_made.touch()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the data of a test's servers is."""
    return tmp_path / "data"
