"""A training that succeeds becomes a run, in the transaction that ends it; nothing else does."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from making import Clock, running
from run_records import Jobs, metric, open_jobs, returned, saved, trained, training

from modelport.jobs.records import FOR_EVER, NewEvent, Outcome
from modelport.jobs.states import State
from modelport.settings.written import order_of

pytestmark = pytest.mark.anyio
FAILED = Outcome(state=State.FAILED, status=500, error="no", ended_by="exception")


def performance(**parts: Any) -> NewEvent:
    return NewEvent(type="performance", data={"performance": parts})


async def test_a_training_that_succeeds_is_a_run_with_all_that_it_said(jobs: Jobs) -> None:
    environment = NewEvent(type="environment", data={"python": "3.11.9", "commit": "abc-dirty"})
    arguments = {"epochs": 3, "seed": 11, "name": "first"}
    run = await trained(
        jobs, metric("loss", 0.5), saved("model/a.bin"), metric("loss", 0.25, 1), environment,
        result={"overall": {"f1": 0.9}}, arguments=arguments, model_version="1.2",
    )  # fmt: skip
    assert (run.model, run.source, run.number, run.version) == ("m", "job", 1, 1)
    assert (run.params, run.metrics, run.performance) == (arguments, {"loss": 0.25}, {"overall": {"f1": 0.9}})
    assert (run.saved, run.code_version, run.seed) == ("model/a.bin", "abc-dirty", 11)
    assert run.environment["python"] == "3.11.9"
    job = await jobs.store.get(run.id)
    assert job is not None
    assert (run.started_at, run.finished_at) == (job.started_at, job.finished_at)
    assert run.duration is not None
    assert job.keep_seconds == FOR_EVER


async def test_the_seed_of_a_training_is_found_by_the_names_of_others_too(jobs: Jobs) -> None:
    assert (await trained(jobs, arguments={"random_state": 5})).seed == 5


async def test_without_a_commit_the_version_of_the_model_is_that_of_the_code(jobs: Jobs) -> None:
    assert (await trained(jobs, model_version="1.2")).code_version == "1.2"


async def test_the_model_that_was_saved_last_is_the_runs(jobs: Jobs) -> None:
    run = await trained(jobs, saved("model/epoch1"), saved("model/epoch2"), metric("loss", 1))
    assert run.saved == "model/epoch2"


async def test_a_training_that_saved_nothing_is_a_run_without_a_version(jobs: Jobs) -> None:
    assert (await trained(jobs)).version is None
    assert (await trained(jobs, saved())).version == 1


async def test_only_trainings_that_succeed_are_runs(jobs: Jobs) -> None:
    for kind in ("predict", "validate"):
        claim = await running(jobs.store, kind=kind, model="m")
        assert await jobs.store.finish(claim.job.id, claim.token, returned()) is not None
    for state in (State.FAILED, State.CANCELLED, State.INTERRUPTED):
        claim = await training(jobs)
        await jobs.store.append(claim.job.id, claim.token, [saved()])
        outcome = Outcome(state=state, status=500, error="no", ended_by="exception")
        assert await jobs.store.finish(claim.job.id, claim.token, outcome) is not None
    asked = await training(jobs)
    await jobs.store.request_cancel(asked.job.id)
    ended = await jobs.store.finish(asked.job.id, asked.token, returned())
    assert ended is not None
    assert ended.state is State.CANCELLED
    assert (await jobs.runs.page("m", None, 10, None)).runs == []
    assert (await trained(jobs, saved())).version == 1  # none of them has used up a number


async def test_an_attempt_that_is_stale_leaves_no_run_and_the_one_that_ends_leaves_one(where: str) -> None:
    clock = Clock()
    jobs = await open_jobs(where, clock=clock)
    old = await training(jobs, max_attempts=2)
    said = [metric("loss", 0.5), metric("f1", 0.1), saved("model/old"), performance(overall={"f1": 0.1})]
    await jobs.store.append(old.job.id, old.token, said)
    clock.now += 16
    await jobs.store.rescue()
    assert await jobs.store.finish(old.job.id, old.token, returned()) is None
    assert await jobs.runs.get("m", old.job.id) is None
    (new,) = await jobs.store.claim("two", 1, 15.0)
    assert await jobs.store.finish(old.job.id, old.token, returned()) is None
    assert await jobs.runs.get("m", old.job.id) is None
    await jobs.store.append(new.job.id, new.token, [metric("loss", 0.25), saved("model/new")])
    for _ in range(2):  # once more, as after an answer that was lost
        assert await jobs.store.finish(new.job.id, new.token, returned()) is not None
    run = await jobs.runs.get("m", new.job.id)
    assert run is not None
    assert (run.metrics, run.saved, run.version) == ({"loss": 0.25, "f1": 0.1}, "model/new", 1)
    assert len((await jobs.runs.page("m", None, 10, None)).runs) == 1
    await jobs.store.close()


async def test_metrics_that_are_no_numbers_are_left_out(jobs: Jobs) -> None:
    values = [metric("loss", 0.5), metric("a", math.nan), metric("b", math.inf), metric("c", -math.inf)]
    run = await trained(jobs, *values, metric("loss", math.nan, 1), metric("d", 1e308), metric("e", 5e-324))
    assert run.metrics == {"d": 1e308, "e": 5e-324}
    assert await jobs.runs.ordered_by("m") == ["d", "e"]


async def test_a_metric_that_was_said_early_among_thousands_is_kept(jobs: Jobs) -> None:
    claim = await training(jobs)
    await jobs.store.append(claim.job.id, claim.token, [metric("first", 7.0)])
    for start in range(0, 5000, 1000):
        many = [metric("loss", float(step), step) for step in range(start, start + 1000)]
        await jobs.store.append(claim.job.id, claim.token, many)
    await jobs.store.finish(claim.job.id, claim.token, returned())
    run = await jobs.runs.get("m", claim.job.id)
    assert run is not None
    assert run.metrics == {"first": 7.0, "loss": 4999.0}


async def test_what_was_logged_comes_before_what_was_returned(jobs: Jobs) -> None:
    logged = [performance(overall={"f1": 0.1}), performance(overall={"f1": 0.7})]
    run = await trained(jobs, *logged, result={"overall": {"f1": 0.9}})
    assert run.performance == {"overall": {"f1": 0.7}}
    inner = await trained(jobs, result={"performance": {"overall": {"f1": 0.8}}, "checkpoint": "x"})
    assert inner.performance == {"overall": {"f1": 0.8}}
    for nothing in ([1, 2], "text", 3, None):
        assert (await trained(jobs, result=nothing)).performance == {}


@pytest.mark.parametrize(
    "performance",
    [
        {"class": {f"c{n}": {"f1": n / 30_000, "f2": n} for n in range(30_000)}},
        {"overall": {"f1": math.nan, "big": 10**400, "small": 5e-324, "huge": 1.7e308, "minus": -0.0}},
        {"nul\0key": {"\ud800": 1, "ok": 2, "x" * 3000: 3, "😀" * 600: 4}},
        {"overall": {"a": {"b": [1, 2, {"c": None}], "d": True}}},
    ],
    ids=["huge", "numbers", "names", "other things"],
)
async def test_no_performance_keeps_a_training_from_ending(jobs: Jobs, performance: dict[str, Any]) -> None:
    run = await trained(jobs, saved(), NewEvent(type="performance", data={"performance": performance}))
    assert run.version == 1
    assert len(run.performance) == len(performance)
    page = await jobs.runs.page("m", order_of("overall.f1:max"), 10, None)
    assert [one.id for one in page.runs] == [run.id]


async def test_names_that_no_database_takes_are_written_all_the_same(jobs: Jobs) -> None:
    said = [saved("model/a\0b"), metric("lo\0ss", 1.0), metric("\udcff", 2.0)]
    run = await trained(jobs, *said, arguments={"te\0xt": "a\0b", "\ud800": 10**30})
    assert sorted(run.metrics.values()) == [1.0, 2.0]
    assert len(run.params) == 2
    assert len(await jobs.runs.ordered_by("m")) == 2


async def test_questions_with_names_that_no_database_takes_find_nothing(jobs: Jobs) -> None:
    await trained(jobs, saved())
    for name in ("\0", "a\0b", "\ud800"):
        assert await jobs.runs.get("m", name) is None
        assert await jobs.runs.best("m", order_of(f"{name}:max")) is None
        assert len((await jobs.runs.page("m", order_of(f"{name}:max"), 10, None)).runs) == 1
        assert not await jobs.runs.remove_alias("m", name)


async def test_trainings_that_end_at_once_get_one_number_each(jobs: Jobs, where: str) -> None:
    other = await open_jobs(where)
    claims = [await training(jobs, model=model) for model in ("m", "n") * 20]
    for claim in claims:
        await jobs.store.append(claim.job.id, claim.token, [saved()])

    async def end(place: int) -> None:
        store = (jobs, other)[place % 4 // 2].store  # each has trainings of both models
        claim = claims[place]
        assert await store.finish(claim.job.id, claim.token, returned()) is not None

    await asyncio.gather(*(end(place) for place in range(40)))
    await other.store.close()
    for model in ("m", "n"):
        versions = [run.version for run in (await jobs.runs.versions(model, 100)).runs]
        assert versions == list(range(20, 0, -1))
