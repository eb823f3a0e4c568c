"""Pools whose number of workers follows their calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engines import run, running, until
from hypothesis import given
from hypothesis import strategies as st

from modelport.engine.local.scaling import GROW_SECONDS, Scaling
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.declaring import Written
from modelport.settings.together import check_together

CALM = 60.0


def scaling(**settings: Any) -> Scaling:
    return Scaling(Settings(**settings))


def look(
    one: Scaling, seconds: float, *, waiting: int, calls: int, at_once: int = 1, start: float = 0.0
) -> float:
    """Look four times a second; returns when that ended."""
    looks = round(seconds * 4)
    for number in range(looks + 1):
        one.look(start + number / 4, waiting, calls, at_once)
    return start + looks / 4


def test_it_grows_at_once_to_what_is_needed_when_calls_have_waited() -> None:
    one = scaling(max_workers=8)
    look(one, GROW_SECONDS - 0.25, waiting=4, calls=5)
    assert one.wanted == 1
    look(one, 0, waiting=4, calls=5, start=GROW_SECONDS)
    assert one.wanted == 5
    look(one, GROW_SECONDS, waiting=90, calls=98, start=3)
    assert one.wanted == 8


def test_a_moment_without_calls_that_wait_begins_the_time_anew() -> None:
    one = scaling(max_workers=8)
    end = look(one, GROW_SECONDS - 0.25, waiting=4, calls=5)
    end = look(one, 0, waiting=0, calls=1, start=end + 0.25)
    look(one, GROW_SECONDS - 0.25, waiting=4, calls=5, start=end + 0.25)
    assert one.wanted == 1


def test_calls_that_run_together_need_fewer_workers() -> None:
    one = scaling(max_workers=8)
    look(one, GROW_SECONDS, waiting=10, calls=33, at_once=16)
    assert one.wanted == 3


def test_what_no_moment_has_needed_for_so_long_ends() -> None:
    one = scaling(workers=2, min_workers=1, max_workers=8)
    assert one.wanted == 2
    end = look(one, GROW_SECONDS, waiting=4, calls=6)
    end = look(one, CALM - 1, waiting=0, calls=0, start=end)
    assert one.wanted == 6
    end = look(one, 0, waiting=0, calls=3, start=end)
    end = look(one, 2, waiting=0, calls=1, start=end)
    assert one.wanted == 3
    look(one, CALM, waiting=0, calls=0, start=end)
    assert one.wanted == 1
    one.reset()
    assert one.wanted == 2


def test_without_a_range_the_number_stays_what_it_is() -> None:
    one = scaling(workers=3)
    assert not one.is_needed
    look(one, 2 * CALM, waiting=100, calls=100)
    assert one.wanted == 3
    one.use(Settings(workers=2))
    assert one.wanted == 2
    assert scaling(workers=0).wanted == 1


@given(
    workers=st.integers(1, 5),
    fewest=st.integers(0, 5),
    most=st.integers(0, 9),
    loads=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 8)), max_size=30),
)
def test_it_stays_within_its_bounds_whatever_comes(
    workers: int, fewest: int, most: int, loads: list[tuple[int, int, int]]
) -> None:
    one = scaling(workers=workers, min_workers=fewest, max_workers=most, scale_down_after="3s")
    end = 0.0
    for waiting, running_, at_once in loads:
        before = one.wanted
        end = look(one, 1.5, waiting=waiting, calls=waiting + running_, at_once=at_once, start=end + 0.25)
        assert one.lowest <= one.wanted <= one.highest
        assert waiting or one.wanted <= before


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"max_workers": 1, "min_workers": 2}, "max_workers is 1, and min_workers 2"),
        ({"max_workers": 1, "workers": 2}, "max_workers is 1, and workers 2"),
        ({"max_workers": 2, "workers": 0}, "max_workers is of no use with workers = 0"),
        ({"min_workers": 2, "workers": 0}, "min_workers is of no use with workers = 0"),
    ],
)
def test_numbers_that_leave_none_between_them_are_refused(said: dict[str, Any], words: str) -> None:
    written = dict.fromkeys(said, "a file")
    with pytest.raises(SettingsError, match=words):
        check_together(Settings(**said, written=written))
    own = {"iris": {name: Written(value, "a file") for name, value in said.items()}}
    with pytest.raises(SettingsError, match=f"the model 'iris': {words}"):
        check_together(Settings(models=own))


def test_workers_come_with_the_calls_and_go_without_losing_one(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path, max_workers=3, scale_down_after="0.3s") as site:
            assert site.pool.workers_ready == 1
            held = [site.held(str(number)) for number in range(3)]
            gates = [await site.arrival() for _ in held]  # all three run, each in a worker of its own
            assert site.pool.workers_ready == site.pool.workers_wanted == 3
            [_, _, last] = sorted(site.pool.workers, key=lambda one: one.number)
            running_in = {worker.number: list(worker.in_flight) for worker in site.pool.workers}
            answered = [one for one in held if one.pending.call.id not in running_in[last.number]]
            for number, gate in enumerate(gates):
                if held[number] in answered:
                    gate.close()
            for one in answered:
                await one.prediction()
            await until(lambda: site.pool.workers_wanted == 1)
            first = await site.submit().prediction()  # the one that stays answers
            assert first["pid"] != last.pid
            [busy] = [one for one in held if one not in answered]
            assert busy.got == []  # it goes on in the worker that is to end
            for gate in gates:
                gate.close()
            assert (await busy.prediction())["pid"] == last.pid
            await until(lambda: len(site.pool.workers) == 1)
            assert site.pool.restarts == 0

    run(test)


def test_an_idle_model_begins_with_the_fewest_again(tmp_path: Path) -> None:
    async def test() -> None:
        settings = {"max_workers": 2, "scale_down_after": "1h", "idle_unload": "0.3s"}
        async with running("Orders", tmp_path, **settings) as site:
            held = [site.held(str(number)) for number in range(2)]
            for gate in [await site.arrival() for _ in held]:
                gate.close()
            await asyncio.gather(*(one.prediction() for one in held))
            await until(lambda: not site.pool.workers)
            await site.submit().prediction()
            assert site.pool.workers_wanted == 1

    run(test)
