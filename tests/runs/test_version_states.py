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


def test_every_state_is_reached_from_every_other() -> None:
    assert set(TRANSITIONS) == set(VersionState)
    for start in VersionState:
        seen = {start}
        while (more := seen | {after for before in seen for after in TRANSITIONS[before]}) != seen:
            seen = more
        assert seen == set(VersionState)


class Lives(RuleBasedStateMachine):
    """What `Versions` does to the records, without waiting: loading ends when a rule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.residents = Residents(2)
        self.live: dict[str, Pool] = {}
        self.loading: list[tuple[Resident, Pool]] = []
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

    def load(self, record: Resident) -> None:
        if record.state is VersionState.BESIDE:  # it has failed since it was loaded
            self.residents.unloaded(record)
        if record.state is not VersionState.LOADING:
            record.move(VersionState.LOADING, pool_of(*record.key))
        record.loader = cast("Any", object())
        assert record.pool is not None
        self.loading.append((record, record.pool))

    def can_answer(self, record: Resident) -> bool:
        live = self.live[record.key[0]]
        if live.version == record.key[1] and live.state is not PoolState.FAILED:
            return True
        beside = record.state is VersionState.BESIDE
        return beside and fake(record.pool).state is not PoolState.FAILED

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
        if self.can_answer(record) or record.loader is not None:
            return
        if record.state in (VersionState.ABSENT, VersionState.LIVE):  # else it has a place
            over, unused = self.residents.over(more=1), self.residents.unused()
            for one in unused[:over]:
                self.unload(one)
            if over > len(unused) and not record.holders:
                self.leave(key)
                return
        self.load(record)

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
        record, pool = data.draw(st.sampled_from(self.loading))
        self.loading.remove((record, pool))
        is_beside = record.state is VersionState.LOADING  # else it was made live meanwhile
        if works:
            if is_beside:
                record.move(VersionState.BESIDE, pool)
            record.used_at = next(self.clock)
        else:
            fake(pool).state = PoolState.FAILED
            if is_beside:
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

    def placed(self) -> list[Resident]:
        return [record for record in self.residents if record.has_place]

    @precondition(lambda self: self.placed())
    @rule(data=st.data(), loads=st.booleans())
    def promote(self, data: st.DataObject, loads: bool) -> None:
        """Another version becomes live, perhaps before that or the one that was so has loaded."""
        record = data.draw(st.sampled_from(self.placed()))
        pool, before = record.pool, self.live[record.key[0]]
        assert pool is not None
        was = self.residents.of((before.name, before.version))
        if loads:
            fake(before).signature = None
        has_failed = before.state is PoolState.FAILED
        stays = VersionState.LOADING if before.signature is None else VersionState.BESIDE
        expected = VersionState.ABSENT if has_failed else stays
        if was is record:
            expected = VersionState.LIVE  # it was loaded again, since the live one has failed
        elif was.pool is not before:
            expected = was.state  # it was loaded again, and stays beside
        self.live[pool.name] = pool
        self.residents.took_over(pool, before, next(self.clock))
        assert was.state is expected
        assert record.state is VersionState.LIVE
        self.residents.let_go(was)
        self.tidy()

    @rule(model=MODEL)
    def the_live_one_fails(self, model: str) -> None:
        fake(self.live[model]).state = PoolState.FAILED

    @precondition(lambda self: self.beside())
    @rule(data=st.data())
    def one_beside_fails(self, data: st.DataObject) -> None:
        fake(data.draw(st.sampled_from(self.beside())).pool).state = PoolState.FAILED

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
        live = {r.key: r.pool for r in self.residents if r.state is VersionState.LIVE}
        answering = {(p.name, p.version): p for p in self.live.values() if p.state is not PoolState.FAILED}
        failed = {(p.name, p.version): p for p in self.live.values() if p.state is PoolState.FAILED}
        assert {key: pool for key, pool in live.items() if key not in failed} == answering
        assert all(failed[key] is pool for key, pool in live.items() if key in failed)

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
            assert says or record.loader is not None, record.key


Lives.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_lives = Lives.TestCase
