"""The table of states: whatever is tried, a job only goes where the table leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelport.jobs.states import ENDED, TERMINAL, TRANSITIONS, IllegalTransition, State, check


@given(some.lists(some.sampled_from(State), max_size=30))
def test_any_sequence_of_attempts_stays_on_the_ways(wanted: list[State]) -> None:
    state = State.QUEUED
    for after in wanted:
        if after in TRANSITIONS[state]:
            check(state, after)
            assert state not in TERMINAL
            state = after
        else:
            with pytest.raises(IllegalTransition, match=f"a {state} job cannot become {after}"):
                check(state, after)


def test_the_end_is_reached_from_everywhere_and_never_left() -> None:
    assert {State.SUCCEEDED, State.FAILED, State.CANCELLED} == TERMINAL
    assert TERMINAL | {State.INTERRUPTED} == ENDED
    assert set(TRANSITIONS) == set(State)
    for start in State:
        seen = {start}
        while True:
            more = seen | {after for before in seen for after in TRANSITIONS[before]}
            if more == seen:
                break
            seen = more
        assert seen & TERMINAL
        if start not in TERMINAL:
            assert seen == set(State)  # queued again is possible until the end
