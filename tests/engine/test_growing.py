"""A pool that gets the rest of its workers, and one that becomes live twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from engines import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_two_who_let_a_pool_grow_at_once_get_as_many_workers_as_there_should_be(tmp_path: Path) -> None:
    async with running("Orders", tmp_path, workers=3) as one:
        pool = one.engine.new_pool(one.pool.source, 1)
        pool.start(1)
        await pool.settled.wait()
        await asyncio.gather(pool.grow(), pool.grow(), pool.grow())
        assert [worker.ready for worker in pool.workers] == [True] * 3


async def test_a_pool_that_is_live_already_becomes_no_other_version(tmp_path: Path) -> None:
    async with running("Orders", tmp_path, workers=1) as one:
        pool = one.engine.new_pool(one.pool.source, 1)
        pool.start(1)
        await pool.settled.wait()
        assert one.engine.make_live(pool) is one.pool
        assert one.engine.make_live(pool) is pool
        assert one.engine.beside == {one.pool}
        assert one.engine.pools == {"m": pool}
