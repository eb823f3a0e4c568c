"""Two servers on one PostgreSQL that crashes again and again: every job that was asked for ends once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from making import line, new_job, states_of
from postgres_server import Postgres

from modelport.jobs.records import NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
T = TypeVar("T")
JOBS = 300
CRASHES = 3


async def until_reachable(act: Callable[[], Awaitable[T]]) -> T:
    """What a server does: it asks again."""
    while True:
        try:
            return await act()
        except StoreUnavailable:
            await asyncio.sleep(0.02)


async def test_crashes_of_postgresql_lose_and_double_nothing(postgres: Postgres, anyio_backend: str) -> None:
    where = postgres.new_database()
    stores = [await JobStore.open(where), await JobStore.open(where)]
    news = [new_job(max_attempts=100, idempotency_key=str(n), request_hash="h") for n in range(JOBS)]
    accepted: dict[str, str] = {}  # id of the job: token of the end that was confirmed
    submitted = asyncio.Event()
    accepting = asyncio.Event()
    crashed = asyncio.Event()

    async def submit(store: JobStore, mine: list[NewJob]) -> None:
        for new in mine:
            job, _ = await until_reachable(lambda new=new: store.submit(new))
            assert job.id == new.id

    async def serve(store: JobStore, owner: str) -> None:
        while True:
            claims = await until_reachable(lambda: store.claim(owner, 4, 3600.0))
            for claim in claims:
                job_id, token = claim.job.id, claim.token
                await until_reachable(lambda i=job_id, t=token: store.append(i, t, [line("working")]))
                end = Outcome(state=State.SUCCEEDED, result=str(token).encode())
                ended = await until_reachable(lambda i=job_id, t=token, e=end: store.finish(i, t, e))
                assert ended is not None
                accepted[job_id] = str(token)
                accepting.set()
            over = not claims and submitted.is_set() and crashed.is_set()
            # A claim whose commit was confirmed to nobody runs nowhere: it is found as one of a lost server.
            if over and not await until_reachable(lambda: store.rescue({owner})):
                return

    async def crash() -> None:
        for number in range(CRASHES):
            while len(accepted) < (number + 1) * JOBS // (CRASHES + 2):
                accepting.clear()
                await accepting.wait()
            await asyncio.to_thread(postgres.stop, "immediate")
            await asyncio.to_thread(postgres.start)
        crashed.set()

    serving = [asyncio.create_task(serve(store, f"server {n}")) for n, store in enumerate(stores)]
    crashing = asyncio.create_task(crash())
    await asyncio.gather(submit(stores[0], news[::2]), submit(stores[1], news[1::2]))
    submitted.set()
    await asyncio.gather(crashing, *serving)

    page = await stores[0].list(limit=JOBS + 1, with_call=True)
    assert {job.id for job in page.jobs} == {new.id for new in news}
    for job in page.jobs:
        assert job.outcome is not None
        assert (job.state, job.outcome.result) == (State.SUCCEEDED, accepted[job.id].encode())
        events = await stores[0].events(job.id)
        assert [event.sequence for event in events] == list(range(1, job.last_event + 1))
        assert (await states_of(stores[0], job.id)).count("succeeded") == 1
    await asyncio.gather(*(store.close() for store in stores))
