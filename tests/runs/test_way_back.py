"""Where a rollback leads: a stack of what was live, told from the promotions that were written down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelport.runs.promotion import PROMOTION, ROLLBACK, way_back_of
from modelport.runs.records import Promotion

VERSIONS = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("promote"), VERSIONS), st.tuples(st.sampled_from(["roll back", "restart"]), VERSIONS)
)


class Site:
    """A server's promotions. Until the first one `best` is live from the start, as with --best-by."""

    def __init__(self, best: int) -> None:
        self.live = best
        self.stack = [best]
        self.said: list[Promotion] = []

    def say(self, kind: str, after: int) -> None:
        number = len(self.said) + 1
        self.said.append(Promotion(number=number, kind=kind, before=self.live, after=after, at=float(number)))
        self.live = after

    def promote(self, version: int) -> None:
        if version == self.live and self.said:
            return  # it is live already: nothing changes
        self.say(PROMOTION, version)
        if self.stack[-1] != version:
            self.stack.append(version)

    def roll_back(self) -> None:
        if len(self.stack) > 1:
            self.stack.pop()
            self.say(ROLLBACK, self.stack[-1])

    def restart(self, best: int) -> None:
        if not self.said:  # later on the alias says what is live
            self.live = best
            self.stack = [best]


@given(VERSIONS, st.lists(STEPS, max_size=20))
def test_a_rollback_leads_where_a_stack_of_live_versions_does(
    best: int, steps: list[tuple[str, int]]
) -> None:
    site = Site(best)
    for step, version in steps:
        if step == "promote":
            site.promote(version)
        elif step == "roll back":
            site.roll_back()
        else:
            site.restart(version)
        expected = site.stack[-2] if len(site.stack) > 1 else None
        assert way_back_of(site.said[::-1]) == expected


def test_nothing_was_live_before_the_first() -> None:
    assert way_back_of([]) is None


def test_the_best_at_the_start_that_was_only_confirmed_is_no_way_back_to_itself() -> None:
    site = Site(2)
    site.promote(2)
    assert way_back_of(site.said[::-1]) is None


def test_promotions_older_than_what_is_looked_through_are_only_forgotten() -> None:
    site = Site(0)
    for version in range(1, 11):
        site.promote(version)
    site.roll_back()
    newest = site.said[::-1]
    assert way_back_of(newest[:4]) == 8
    assert way_back_of(newest[:1]) == 10  # all that is known is that it was live before
