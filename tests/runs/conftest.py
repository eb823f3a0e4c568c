"""The stores that the tests of runs use: each on a real database, told of trainings as a server's is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from databases import anyio_backend, postgres, where
from run_records import Jobs, open_jobs

__all__ = ["anyio_backend", "jobs", "postgres", "where"]


@pytest.fixture
async def jobs(where: str, anyio_backend: str) -> AsyncIterator[Jobs]:
    """Jobs and runs in a new database."""
    opened = await open_jobs(where)
    yield opened
    await opened.store.close()
