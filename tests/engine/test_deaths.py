"""Calls that share a frame with one that ends the worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines import Running, run, running


async def quicken(site: Running) -> None:
    """Many short calls, so that the worker is given several at once from now on."""
    for number in range(60):
        await site.submit(text=str(number)).prediction()


@pytest.mark.parametrize("culprits", [{3}, {3, 8}, {0, 1, 2}, {11}], ids=str)
def test_only_the_calls_that_end_a_worker_fail(tmp_path: Path, culprits: set[int]) -> None:
    """However many workers a call has seen end while it only waited, it is tried again."""

    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            await quicken(site)
            held = site.held()
            gate = await site.arrival()
            calls = [site.submit(text=str(n), do="leave" if n in culprits else "") for n in range(12)]
            gate.close()
            await held.prediction()
            statuses = [(await call.answer()).status for call in calls]
            assert statuses == [500 if n in culprits else 200 for n in range(12)]
            assert site.pool.restarts == len(culprits)

    run(test)


def test_a_call_that_ends_the_worker_before_it_runs_fails_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("DeadlyArguments", tmp_path) as site:
            await quicken(site)
            held = site.held()
            gate = await site.arrival()
            calls = [site.submit(text="leave" if n == 2 else str(n)) for n in range(8)]
            gate.close()
            await held.prediction()
            statuses = [(await call.answer()).status for call in calls]
            assert statuses == [500 if n == 2 else 200 for n in range(8)]

    run(test)
