"""Delays before a worker is replaced."""

from __future__ import annotations

from itertools import pairwise

from modelport.engine.local.backoff import FIRST_DELAY, GIVE_UP_AFTER, LONGEST_DELAY, STABLE_SECONDS, Backoff


def test_delays_double_up_to_a_limit_and_end() -> None:
    backoff = Backoff()
    delays = [backoff.next_delay(0.0) for _ in range(GIVE_UP_AFTER)]
    known = [delay for delay in delays if delay is not None]
    assert len(known) == GIVE_UP_AFTER
    assert known[0] == FIRST_DELAY
    assert all(later == min(2 * earlier, LONGEST_DELAY) for earlier, later in pairwise(known))
    assert backoff.next_delay(0.0) is None


def test_a_worker_that_lived_a_while_starts_again_at_the_first_delay() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_delay(STABLE_SECONDS - 0.01)
    assert backoff.next_delay(STABLE_SECONDS) == FIRST_DELAY
    assert backoff.next_delay(0.0) == 2 * FIRST_DELAY
