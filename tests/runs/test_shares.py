"""A canary gets exactly its share: over any number of calls no version is off by more than one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelport.engine.ports import PoolState
from modelport.engine.traffic import Shares

PARTS = st.lists(st.integers(1, 100), min_size=1, max_size=10).filter(lambda parts: sum(parts) <= 1000)


class Place:
    """What the shares see of a pool."""

    def __init__(self, state: PoolState = PoolState.READY):
        self.state = state


def spread(shares: Shares, live: Any, calls: int) -> Counter[Any]:
    return Counter(shares.choose(live) for _ in range(calls))


@given(PARTS, st.integers(1, 10))
def test_over_whole_rounds_the_shares_are_exact(parts: list[int], rounds: int) -> None:
    live: Any = Place()
    others: list[Any] = [Place() for _ in parts]
    shares = Shares([(pool, part / 1000) for pool, part in zip(others, parts, strict=True)])
    got = spread(shares, live, 1000 * rounds)
    for pool, part in zip(others, parts, strict=True):
        assert abs(got[pool] - part * rounds) <= 1
    assert got[live] + sum(got[pool] for pool in others) == 1000 * rounds


@given(st.integers(1, 100), st.integers(1, 2000))
def test_one_canary_is_never_off_by_a_whole_call(part: int, calls: int) -> None:
    live: Any = Place()
    canary: Any = Place()
    got = spread(Shares([(canary, part / 100)]), live, calls)
    assert abs(got[canary] - calls * part / 100) <= 1


def test_a_share_of_everything_leaves_nothing_to_what_is_live() -> None:
    live: Any = Place()
    canary: Any = Place()
    assert spread(Shares([(canary, 1.0)]), live, 100) == {canary: 100}
    thirds: list[Any] = [Place() for _ in range(3)]
    assert spread(Shares([(pool, 1 / 3) for pool in thirds]), live, 300)[live] == 0


def test_calls_of_a_version_that_is_not_ready_go_to_the_live_one_and_none_is_owed_later() -> None:
    live: Any = Place()
    canary: Any = Place(PoolState("loading"))
    shares = Shares([(canary, 0.5)])
    assert spread(shares, live, 100) == {live: 100}
    canary.state = PoolState.READY
    assert spread(shares, live, 100) == {live: 50, canary: 50}
