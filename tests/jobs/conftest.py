"""The databases that the tests of jobs run on: each a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from databases import anyio_backend, postgres, where

from modelport.jobs.store import JobStore

__all__ = ["anyio_backend", "postgres", "store", "where"]


@pytest.fixture
async def store(where: str, anyio_backend: str) -> AsyncIterator[JobStore]:
    """An open store on a new database."""
    store = await JobStore.open(where)
    yield store
    await store.close()
