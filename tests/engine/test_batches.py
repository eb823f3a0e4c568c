"""Calls that are predicted together, and one that fails alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from engines import run, running


def test_calls_that_wait_are_predicted_together_up_to_the_limit(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            calls = [site.submit(text=str(n)) for n in range(10)]
            answers = [await call.prediction() for call in calls]
            assert [a["text"] for a in answers] == [str(n) for n in range(10)]
            together = {tuple(a["with"]) for a in answers}
            assert together == {("0", "1", "2", "3"), ("4", "5", "6", "7"), ("8", "9")}

    run(test)


def test_a_lonely_call_is_predicted_when_it_has_waited_enough(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            assert (await site.submit(text="one").prediction())["with"] == ["one"]

    run(test)


def test_calls_that_come_in_the_next_turn_of_the_loop_join_those_that_came_before(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("EagerBatches", tmp_path) as site:
            calls = [site.submit(text="a"), site.submit(text="b")]
            await asyncio.sleep(0)
            calls.append(site.submit(text="c"))
            assert [(await call.prediction())["with"] for call in calls] == [["a", "b", "c"]] * 3

    run(test)


def test_a_call_that_is_alone_waits_for_no_other(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("EagerBatches", tmp_path) as site:
            calls = [site.submit(text="a")]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            calls.append(site.submit(text="b"))
            assert [(await call.prediction())["with"] for call in calls] == [["a"], ["b"]]

    run(test)


@pytest.mark.parametrize("poison", ["raise", "short", "leave"])
def test_a_poisoned_item_fails_alone(tmp_path: Path, poison: str) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            calls = [site.submit(text=text) for text in ("a", poison, "b", "c")]
            answers = [await call.answer() for call in calls]
            assert [a.status for a in answers] == [200, 500, 200, 200]
            assert (await site.submit(text="after").prediction())["text"] == "after"

    run(test)


def test_an_exception_as_a_result_fails_that_call(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            calls = [site.submit(text=text) for text in ("a", "error", "b")]
            assert [(await call.answer()).status for call in calls] == [200, 500, 200]
            assert (await calls[2].prediction())["with"] == ["a", "error", "b"]

    run(test)


def test_a_call_that_cannot_be_bound_fails_alone_and_disturbs_no_batch(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            calls = [site.submit(text="a"), site.submit(), site.submit(text="b")]
            answers = await asyncio.gather(*(call.answer() for call in calls))
            assert [a.status for a in answers] == [200, 422, 200]
            assert (await calls[0].prediction())["with"] == ["a", "b"]

    run(test)


def test_a_cancelled_call_is_left_out_of_the_batch(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Batches", tmp_path) as site:
            calls = [site.submit(text=text) for text in "abc"]
            site.pool.cancel(calls[1].pending)
            assert (await calls[1].answer()).status == 499
            assert (await calls[0].prediction())["with"] == ["a", "c"]

    run(test)
