"""The life of versions in memory: changes only by the table, and nothing is unloaded that somebody needs."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelport.engine.ports import Pool, PoolState
from modelport.runs.version_states import TRANSITIONS, Resident, Residents, VersionState

MODELS = ("a", "b")
VERSIONS = st.integers(0, 5)
MODEL = st.sampled_from(MODELS)


class FakePool:
    """What records see of a pool."""

    def __init__(self, name: str, version: int):
        self.name = name
        self.version = version
        self.state = PoolState.READY
        self.signature: object | None = object()
        self.calls = 0

    @property
    def is_idle(self) -> bool:
        return not self.calls


def pool_of(name: str, version: int) -> Pool:
    return cast("Pool", FakePool(name, version))


def fake(pool: Pool | None) -> FakePool:
    assert pool is not None
    return cast("FakePool", pool)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (a, b)
        for a, b in itertools.product(VersionState, VersionState)
        if b not in TRANSITIONS[a]
    ],
)  # fmt: skip
def test_a_change_that_the_table_does_not_have_is_refused(before: VersionState, after: VersionState) -> None:
    record = Resident(("a", 1))
    record.state = before
    with pytest.raises(ValueError, match=f"cannot go from {before} to {after}"):
        record.move(after, None)
    assert record.state is before


class Lives(RuleBasedStateMachine):
    """What `Versions` does to the records, without waiting: loading ends when a rule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.residents = Residents(2)
        self.live: dict[str, Pool] = {}
        self.loading: list[Resident] = []
        self.clock = itertools.count(1)
        self.held: Counter[Any] = Counter()
        self.used: Counter[Any] = Counter()

    @initialize()
    def start(self) -> None:
        for name in MODELS:
            self.live[name] = pool_of(name, 0)
            self.residents.began(self.live[name])

    def tidy(self) -> None:
        for record in self.residents.to_unload():
            self.unload(record)

    def unload(self, record: Resident) -> None:
        assert record.state in (VersionState.BESIDE, VersionState.LOADING)
        assert not self.held[record.key], "somebody holds it"
        assert not self.used[record.key], "somebody uses it"
        assert fake(record.pool).is_idle, "it has a call"
        assert record.loader is None, "it is being loaded"
        self.residents.unloaded(record)

    @rule(model=MODEL, version=VERSIONS)
    def ask_for(self, model: str, version: int) -> None:
        """A request begins to use a version, which is loaded if need be."""
        key = (model, version)
        record = self.residents.of(key)
        if record.removed:
            self.residents.let_go(record)
            return
        record.users += 1
        self.used[key] += 1
        if record.state is VersionState.ABSENT and record not in self.loading:
            over, unused = self.residents.over(more=1), self.residents.unused()
            for one in unused[:over]:
                self.unload(one)
            if over > len(unused) and not record.holders:
                self.leave(key)
                return
            record.move(VersionState.LOADING, pool_of(model, version))
            record.loader = cast("Any", object())
            self.loading.append(record)

    def leave(self, key: tuple[str, int]) -> None:
        record = self.residents.of(key)
        record.users -= 1
        self.used[key] -= 1
        self.residents.let_go(record)
        self.tidy()

    @precondition(lambda self: +self.used)
    @rule(data=st.data())
    def end_of_a_request(self, data: st.DataObject) -> None:
        self.leave(data.draw(st.sampled_from(sorted(+self.used))))

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), works=st.booleans())
    def loading_ends(self, data: st.DataObject, works: bool) -> None:
        record = data.draw(st.sampled_from(self.loading))
        self.loading.remove(record)
        if works:
            record.move(VersionState.BESIDE, record.pool)
            record.used_at = next(self.clock)
        else:
            self.residents.unloaded(record)
        record.loader = None
        self.residents.let_go(record)

    @rule(model=MODEL, version=VERSIONS)
    def hold(self, model: str, version: int) -> None:
        self.residents.of((model, version)).holders += 1
        self.held[model, version] += 1

    @precondition(lambda self: +self.held)
    @rule(data=st.data())
    def hold_no_more(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(+self.held)))
        record = self.residents.of(key)
        record.holders -= 1
        self.held[key] -= 1
        self.residents.let_go(record)
        self.tidy()

    def beside(self) -> list[Resident]:
        return [record for record in self.residents if record.state is VersionState.BESIDE]

    @precondition(lambda self: self.beside())
    @rule(data=st.data(), stays=st.booleans())
    def promote(self, data: st.DataObject, stays: bool) -> None:
        record = data.draw(st.sampled_from(self.beside()))
        pool, before = record.pool, self.live[record.key[0]]
        assert pool is not None
        self.live[pool.name] = pool
        self.residents.took_over(pool, before, next(self.clock), stays=stays)
        was = self.residents.get((before.name, before.version))
        state = VersionState.ABSENT if was is None else was.state
        assert state is (VersionState.BESIDE if stays else VersionState.ABSENT)
        self.tidy()

    @precondition(lambda self: self.beside())
    @rule(data=st.data())
    def call_comes_or_ends(self, data: st.DataObject) -> None:
        pool = fake(data.draw(st.sampled_from(self.beside())).pool)
        pool.calls = 1 - pool.calls
        self.tidy()

    @precondition(lambda self: self.beside())
    @rule(data=st.data())
    def its_run_is_removed(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.beside())).removed = True
        self.tidy()

    @invariant()
    def one_version_of_each_model_is_live(self) -> None:
        live = [r for r in self.residents if r.state is VersionState.LIVE]
        assert {r.key: r.pool for r in live} == {(p.name, p.version): p for p in self.live.values()}

    @invariant()
    def there_are_more_than_may_be_only_while_each_is_needed(self) -> None:
        self.tidy()
        assert not self.residents.over() or not self.residents.unused()

    @invariant()
    def what_was_removed_is_there_only_while_it_is_needed(self) -> None:
        assert not [r for r in self.residents.unused() if r.removed]

    @invariant()
    def no_record_is_kept_that_says_nothing(self) -> None:
        for record in self.residents:
            says = record.state is not VersionState.ABSENT or record.is_kept or record.removed
            assert says, record.key


Lives.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_lives = Lives.TestCase
