"""How long a job is kept that has a time of its own, which is that of its API."""

from __future__ import annotations

import pytest
from making import Clock, new_job

from modelport.jobs.records import Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore

pytestmark = pytest.mark.anyio
SUCCEEDED = Outcome(state=State.SUCCEEDED, result=b"1", result_type="application/json")


async def test_a_job_goes_when_its_own_time_has_passed_and_no_sooner(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    ids: list[str] = []
    for keep in (10.0, 100.0, None):
        job, _ = await store.submit(new_job(keep_seconds=keep))
        (claim,) = await store.claim("one", 1, 15.0)
        await store.finish(job.id, claim.token, SUCCEEDED)
        ids.append(job.id)
    waiting, _ = await store.submit(new_job(keep_seconds=0.0))  # the time begins with its end
    short, long, always = ids
    clock.now += 9
    assert await store.prune(0.0) == []
    clock.now += 2
    assert await store.prune(0.0) == [short]
    assert await store.get(short) is None
    assert await store.events(short) == []
    clock.now += 100
    assert await store.prune(0.0) == [long]
    assert await store.prune(clock.now) == [always]  # what has no time of its own goes by its age
    assert await store.get(waiting.id) is not None
    await store.close()


async def test_a_time_of_its_own_keeps_no_job_for_longer(where: str) -> None:
    clock = Clock()
    store = await JobStore.open(where, clock=clock)
    job, _ = await store.submit(new_job(keep_seconds=1000.0))
    (claim,) = await store.claim("one", 1, 15.0)
    await store.finish(job.id, claim.token, SUCCEEDED)
    clock.now += 10
    assert await store.prune(clock.now - 5) == [job.id]
    await store.close()
