"""Runs, versions and aliases in a real database: pages, numbers, names that two move, and what is removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
from making import running
from run_records import Jobs, new_run, open_jobs, returned, saved, trained

from modelport.runs.errors import RunError
from modelport.runs.records import NewRun, Promotion, Run, TrafficPlan
from modelport.runs.store import LIVE, AliasMoved
from modelport.settings.written import Order

pytestmark = pytest.mark.anyio
MANY = 10_000
HIGHEST, LOWEST = Order("f1", True), Order("f1", False)


async def pages(jobs: Jobs, order: Order | None, limit: int) -> list[Run]:
    """Every run of the model, page by page."""
    found: list[Run] = []
    cursor: int | None = None
    while True:
        page = await jobs.runs.page("m", order, limit, cursor)
        found += page.runs
        if page.cursor is None:
            return found
        assert len(page.runs) == limit
        cursor = page.cursor


async def versions_of(jobs: Jobs) -> AsyncIterator[Run]:
    """Every run of the model that has a version, page by page."""
    below: int | None = None
    while True:
        page = await jobs.runs.versions("m", MANY, below)
        for run in page.runs:
            yield run
        if page.cursor is None:
            return
        below = page.cursor


async def test_pages_are_bounded_in_bytes(jobs: Jobs) -> None:
    """A run may hold any number of numbers: two of these are more than a page, and none is left out."""

    def large(f1: float) -> NewRun:
        many = {f"number {n}": n / 7 for n in range(30_000)}
        return new_run(
            performance={"overall": {"f1": f1}, "class": many}, saved="x", params={"large": "x" * 200_000}
        )

    new = [large(0.1), large(0.3), new_run(), large(0.2)]
    assert await jobs.runs.add(new) == 4
    first, second, small, third = (run.id for run in new)
    for order, expected in ((None, [third, small, second, first]), (HIGHEST, [second, third, first, small])):
        found: list[str] = []
        cursor: int | None = None
        while cursor is not None or not found:
            page = await jobs.runs.page("m", order, 1000, cursor)
            assert 1 <= len(page.runs) <= 2
            found += [run.id for run in page.runs]
            cursor = page.cursor
        assert found == expected
    assert [run.id async for run in versions_of(jobs)] == [third, second, first]
    assert len((await jobs.runs.versions("m", 10)).runs) == 1


@pytest.mark.slow
@pytest.mark.timeout(400)  # nearly all of it for writing them, one by one in one transaction
async def test_ten_thousand_runs_are_paged_without_loss_or_repetition(jobs: Jobs) -> None:
    new = [
        new_run(performance={"overall": {"f1": n % 97 / 97}} if n % 3 else {}, saved="x" if n % 2 else "")
        for n in range(MANY)
    ]
    assert await jobs.runs.add(new) == MANY
    assert await jobs.runs.add([new_run(model="other", performance={"f1": 2.0})]) == 1
    newest = await pages(jobs, None, 999)
    assert [run.id for run in newest] == [run.id for run in reversed(new)]
    versions = [one.version async for one in versions_of(jobs)]
    assert versions == list(range(MANY // 2, 0, -1))

    def in_order(better: Callable[[float, float], bool], found: list[Run]) -> None:
        assert {run.id for run in found} == {run.id for run in new}
        assert len(found) == MANY
        values = [run.performance["overall"]["f1"] if run.performance else None for run in found]
        have = [value for value in values if value is not None]
        assert values == have + [None] * (MANY - len(have))  # those without the number come last
        assert all(better(first, second) for first, second in pairwise(have))
        rest = [run.number for run in found[len(have) :]]
        assert rest == sorted(rest, reverse=True)

    in_order(lambda first, second: first >= second, await pages(jobs, HIGHEST, 1000))
    in_order(lambda first, second: first <= second, await pages(jobs, LOWEST, 777))


async def test_the_best_run_is_the_one_with_the_number_that_counts(jobs: Jobs) -> None:
    for f1, path in ((0.2, "a"), (0.9, ""), (0.5, "b"), (0.5, "c"), (-1.0, "")):
        await jobs.runs.add([new_run(id=f"run {f1} {path}", performance={"overall": {"f1": f1}}, saved=path)])
    await jobs.runs.add([new_run(saved="d")])

    async def best(order: Order, *, served: bool) -> str | None:
        run = await jobs.runs.best("m", order, served=served)
        return None if run is None else run.id

    assert await best(HIGHEST, served=False) == "run 0.9 "
    assert await best(HIGHEST, served=True) == "run 0.5 c"
    assert await best(LOWEST, served=False) == "run -1.0 "
    assert await best(LOWEST, served=True) == "run 0.2 a"
    assert await best(Order("nothing", True), served=False) is None


async def test_pages_that_end_where_the_runs_do_have_no_cursor(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(performance={"f1": 1.0}), new_run(performance={"f1": 2.0}), new_run()])
    for order in (HIGHEST, None):
        for limit in (1, 2, 3, 4):
            assert len(await pages(jobs, order, limit)) == 3
        assert (await jobs.runs.page("m", order, 3, None)).cursor is None
    assert (await jobs.runs.page("m", HIGHEST, 3, 99)).runs == []


async def test_two_servers_that_take_in_the_same_runs_have_each_once(jobs: Jobs, where: str) -> None:
    other = await open_jobs(where)
    new = [new_run(saved="x") for _ in range(30)]
    both = [one.runs.add([run]) for run in new for one in (jobs, other)]
    assert sum(await asyncio.gather(*both)) == 30
    assert await jobs.runs.add(new) == 0
    versions = [run.version for run in (await other.runs.versions("m", 100)).runs]
    assert versions == list(range(30, 0, -1))
    await other.store.close()


async def test_two_servers_number_versions_without_gaps(jobs: Jobs, where: str) -> None:
    other = await open_jobs(where)
    adds = [
        one.runs.add([new_run(model=model, saved="x")])
        for _ in range(25) for one in (jobs, other) for model in ("m", "n")
    ]  # fmt: skip
    assert sum(await asyncio.gather(*adds)) == 100
    for model in ("m", "n"):
        versions = [run.version for run in (await jobs.runs.versions(model, 100)).runs]
        assert versions == list(range(50, 0, -1))
    await other.store.close()


# -- aliases -----------------------------------------------------------------------------------------


async def test_an_alias_moves_only_from_where_it_was_thought_to_be(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(saved="x") for _ in range(3)])
    first = await jobs.runs.set_alias("m", "canary", 1, before=None)
    assert (first.version, first.revision) == (1, 1)
    for before in (None, 2, 0):
        with pytest.raises(AliasMoved, match="moved meanwhile, to version 1") as moved:
            await jobs.runs.set_alias("m", "canary", 3, before=before)
        assert moved.value.version == 1
    again = await jobs.runs.set_alias("m", "canary", 2, before=1)
    assert (again.version, again.revision) == (2, 2)
    assert await jobs.runs.aliases("m") == {"canary": again}
    assert await jobs.runs.aliases("other") == {}
    assert await jobs.runs.remove_alias("m", "canary")
    assert not await jobs.runs.remove_alias("m", "canary")
    with pytest.raises(AliasMoved):
        await jobs.runs.set_alias("m", "canary", 1, before=2)


async def test_of_two_servers_that_move_an_alias_at_once_one_does(jobs: Jobs, where: str) -> None:
    other = await open_jobs(where)
    await jobs.runs.add([new_run(saved="x") for _ in range(3)])
    before: int | None = None
    for round_ in range(10):
        moves = [
            one.runs.set_alias("m", LIVE, version, before=before, promotion=promotion(before or 0, version))
            for one, version in ((jobs, round_ % 2 + 1), (other, 3))
        ]
        done = await asyncio.gather(*moves, return_exceptions=True)
        won = [one for one in done if not isinstance(one, BaseException)]
        assert len(won) == 1
        assert [type(one) for one in done if isinstance(one, BaseException)] == [AliasMoved]
        before = won[0].version
        assert (await other.runs.aliases("m"))[LIVE] == won[0]
        if before == 3:  # else whoever wants 3 would move it from 3 to 3, and both could
            before = (await jobs.runs.set_alias("m", LIVE, 0, before=3)).version
    said = await jobs.runs.promotions("m", 100)
    assert len(said) == 10  # what was not moved is not written down
    await other.store.close()


def promotion(before: int, after: int) -> Promotion:
    return Promotion(number=0, kind="promotion", before=before, after=after, at=0.0, report={"checks": None})


async def test_a_promotion_is_written_with_the_alias_or_not_at_all(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(saved="x")])
    began = time.time()
    await jobs.runs.set_alias("m", LIVE, 1, before=None, promotion=promotion(0, 1))
    with pytest.raises(AliasMoved):
        await jobs.runs.set_alias("m", LIVE, 0, before=None, promotion=promotion(1, 0))
    (said,) = await jobs.runs.promotions("m", 10)
    assert (said.kind, said.before, said.after, said.report) == ("promotion", 0, 1, {"checks": None})
    assert abs(said.at - began) < 60


async def test_a_traffic_plan_is_kept_until_it_is_taken_back(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(saved="x"), new_run(saved="x")])
    assert await jobs.runs.plan("m") is None
    for plan in (TrafficPlan(weights={"1": 0.25}), TrafficPlan(weights={"2": 0.5}, shadow=1)):
        await jobs.runs.set_plan("m", plan)
        assert await jobs.runs.plan("m") == plan
    assert await jobs.runs.plan("other") is None
    await jobs.runs.set_plan("m", TrafficPlan())
    assert await jobs.runs.plan("m") is None


async def test_ending_a_plan_leaves_one_that_was_set_meanwhile(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(saved="x"), new_run(saved="x")])
    ended, newer = TrafficPlan(weights={"2": 0.5}), TrafficPlan(weights={"1": 0.5})
    await jobs.runs.set_plan("m", newer)
    await jobs.runs.end_plan("m", ended)
    assert await jobs.runs.plan("m") == newer
    await jobs.runs.end_plan("m", newer)
    assert await jobs.runs.plan("m") is None


async def test_plans_of_two_servers_at_once_are_both_taken(jobs: Jobs, where: str) -> None:
    await jobs.runs.add([new_run(saved="x"), new_run(saved="x")])
    other = await open_jobs(where)
    plans = [TrafficPlan(weights={version: 0.5}) for version in ("1", "2")]
    for _ in range(20):
        await asyncio.gather(jobs.runs.set_plan("m", plans[0]), other.runs.set_plan("m", plans[1]))
        assert await jobs.runs.plan("m") in plans
    await other.store.close()


async def test_a_version_that_has_a_share_is_not_removed_and_one_that_was_gets_none(jobs: Jobs) -> None:
    run = await trained(jobs, saved())
    plan = TrafficPlan(weights={"1": 0.25})
    await jobs.runs.set_plan("m", plan)
    assert await jobs.runs.remove("m", run) == "the traffic"
    await jobs.runs.end_plan("m", plan)
    assert await jobs.runs.remove("m", run) == ""
    with pytest.raises(RunError, match="no version 1"):
        await jobs.runs.set_plan("m", plan)
    assert await jobs.runs.plan("m") is None


# -- removing ----------------------------------------------------------------------------------------


async def test_the_job_of_a_run_is_kept_until_the_run_is_removed(jobs: Jobs) -> None:
    run, kept = await trained(jobs, saved()), await trained(jobs)
    other = await running(jobs.store, kind="predict", model="m")
    await jobs.store.finish(other.job.id, other.token, returned())
    later = time.time() + 60
    assert list(await jobs.store.prune(later)) == [other.job.id]
    assert await jobs.runs.remove("m", run) == ""
    assert await jobs.runs.get("m", run.id) is None
    assert list(await jobs.store.prune(later)) == [run.id]
    assert list(await jobs.store.prune(later)) == []
    assert await jobs.store.get(kept.id) is not None


async def test_the_number_of_a_version_that_was_removed_never_comes_again(jobs: Jobs, where: str) -> None:
    first, second = await trained(jobs, saved()), await trained(jobs, saved())
    for run in (second, first):
        assert await jobs.runs.remove("m", run) == ""
    await jobs.store.close()
    again = await open_jobs(where)
    run = await trained(again, saved())
    assert (run.version, await again.runs.of_version("m", 2)) == (3, None)
    assert run.number == 3
    await again.store.close()


async def test_a_version_that_has_an_alias_is_not_removed(jobs: Jobs) -> None:
    run = await trained(jobs, saved(), result={"f1": 1.0})
    await jobs.runs.set_alias("m", "canary", 1, before=None)
    assert await jobs.runs.remove("m", run) == "an alias"
    assert await jobs.runs.of_version("m", 1) == run
    assert await jobs.runs.ordered_by("m") == ["f1"]
    await jobs.runs.remove_alias("m", "canary")
    assert await jobs.runs.remove("m", run) == ""
    assert await jobs.runs.ordered_by("m") == []


async def test_an_alias_of_a_version_that_is_not_there_any_more_is_not_set(jobs: Jobs) -> None:
    run = await trained(jobs, saved())
    await jobs.runs.remove("m", run)
    for name, before in (("canary", None), (LIVE, None)):
        with pytest.raises(RunError, match="no version 1") as refused:
            await jobs.runs.set_alias("m", name, 1, before=before)
        assert refused.value.status == 404
    assert await jobs.runs.aliases("m") == {}


async def test_a_version_never_has_an_alias_and_is_removed_by_another_server(jobs: Jobs, where: str) -> None:
    other = await open_jobs(where)
    for _ in range(10):
        run = await trained(jobs, saved())
        assert run.version is not None
        named = asyncio.create_task(jobs.runs.set_alias("m", f"a{run.version}", run.version, before=None))
        removed = await other.runs.remove("m", run) == ""
        (done,) = await asyncio.gather(named, return_exceptions=True)
        assert isinstance(done, RunError) == removed
        assert (await jobs.runs.of_version("m", run.version) is None) == removed
    await other.store.close()


async def test_the_run_of_a_directory_is_removed_without_a_job(jobs: Jobs) -> None:
    await jobs.runs.add([new_run(id="a", saved="x")])
    run = await jobs.runs.get("m", "a")
    assert run is not None
    assert await jobs.runs.remove("m", run) == ""
    assert await jobs.runs.add([new_run(id="a", saved="x")]) == 1
    again = await jobs.runs.get("m", "a")
    assert again is not None
    assert again.version == 2
