"""Workers that take more memory than they may."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engines import Running, run, running, until

from modelport.engine.ports import PoolState

LIMIT = "150M"  # which a worker is well below at first
OVER, FAR_OVER = 160, 400


async def pid(site: Running, **arguments: int) -> int:
    return await site.submit(**arguments).prediction()


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_worker_that_a_call_leaves_above_its_limit_is_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit=LIMIT) as site:
            first = await pid(site, keep=OVER)
            await until(lambda: is_gone(first))
            assert await pid(site) != first
            health = (site.pool.state, site.pool.memory_replacements, site.pool.restarts)
            assert health == (PoolState.READY, 1, 0)

    run(test)


def test_no_call_fails_while_workers_are_replaced_one_after_the_other(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit=LIMIT, workers=2) as site:
            while site.pool.memory_replacements < 3:
                await asyncio.gather(*(pid(site, keep=8) for _ in range(4)))
                await asyncio.sleep(0.05)  # a leak that is slower than the looks at it
            await until(lambda: len(site.pool.workers) == 2)
            assert site.pool.restarts == 0

    run(test)


def test_memory_that_a_call_gives_back_costs_no_worker(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit=LIMIT) as site:
            first = await pid(site)
            call = site.submit(take=OVER, port=site.port)
            gate = await site.arrival()
            await until(lambda: not site.pool.workers_ready)  # it was seen, and gets no calls for now
            gate.close()
            assert await call.prediction() == first
            assert await pid(site) == first
            assert site.pool.memory_replacements == 0

    run(test)


def test_a_worker_with_a_long_call_has_a_successor_before_that_ends(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit=LIMIT) as site:
            long = site.submit(keep=OVER, port=site.port)
            gate = await site.arrival()
            other = await pid(site)
            gate.close()
            first = await long.prediction()
            assert first != other
            await until(lambda: is_gone(first))
            assert [worker.pid for worker in site.pool.workers] == [other]

    run(test)


def test_a_worker_at_twice_its_limit_is_killed_and_its_call_is_told_why(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit=LIMIT) as site:
            call = site.submit(take=FAR_OVER, port=site.port)
            behind = site.submit()
            answer = await call.answer()
            assert answer.status == 500
            assert f"more than twice its memory_limit of {LIMIT}" in answer.detail
            await behind.prediction()
            assert site.pool.memory_replacements == 1

    run(test)


def test_a_model_that_is_larger_than_its_limit_fails_and_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Hoarder", tmp_path, memory_limit="1M") as site:
            assert site.pool.state is PoolState.FAILED
            assert "its memory_limit" in site.pool.error
            assert "1M" in site.pool.error

    run(test)
