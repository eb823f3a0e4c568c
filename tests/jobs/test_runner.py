"""Claims that something comes in between of: a stop of the server, or another job that is submitted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from making import new_job, no_shared_files, states_of
from postgres_server import Postgres

from modelport.engine.ports import PoolState
from modelport.jobs.attempt import JobAttempt
from modelport.jobs.claims import Choose, all_of_them
from modelport.jobs.presence import Presence
from modelport.jobs.records import Claim, Heartbeat, Job, NewEvent, Outcome, cancelled_as
from modelport.jobs.restraint import Restraint
from modelport.jobs.room import Place
from modelport.jobs.runner import JobRunner
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.jobs.transitions import WAITING
from modelport.storage.changes import elsewhere

pytestmark = pytest.mark.anyio
LOST = Outcome(state=State.INTERRUPTED, status=503, error="its node is gone", ended_by="lost")


class SlowToTell(JobStore):
    """A store whose answers to claims are late."""

    def hold(self) -> None:
        self.claimed, self.told = asyncio.Event(), asyncio.Event()

    async def claim(
        self,
        owner: str,
        limit: int,
        lease_seconds: float,
        models: Sequence[str] | None = None,
        choose: Choose = all_of_them,
    ) -> list[Claim]:
        claims = await super().claim(owner, limit, lease_seconds, models, choose)
        self.claimed.set()
        await self.told.wait()
        return claims


class Played(JobAttempt):
    """An attempt without a process, which ends as it is told to, or was cancelled."""

    def __init__(self, claim: Claim, folder: Path, told: list[str]):
        super().__init__(claim, folder, lambda _: None, 1.0)
        self.began = asyncio.Event()
        self.end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._told = told

    async def run(self) -> Outcome:
        self._told.append(f"{self.claim.attempt} begins")
        self.began.set()
        try:
            return await self.end
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # a process takes a moment to end
            raise
        finally:
            self._told.append(f"{self.claim.attempt} ends")

    def cancel(self) -> None:
        self.end.set_result(cancelled_as("flag"))

    def kept_result(self, answer: Path) -> str:
        raise AssertionError("it has none")


class Plays:
    """A job of two attempts, and the runner that runs them one after the other."""

    def __init__(self, store: JobStore, folder: Path):
        self.store = store
        self.told: list[str] = []
        self.runner = runner(store, folder, workers=2)
        self.made: asyncio.Queue[Played] = asyncio.Queue()
        self.runner.attempts.make = self._make

    def _make(self, claim: Claim, place: Place, report: Callable[[NewEvent], None]) -> Any:
        played = Played(claim, self.runner.folders.of(claim.job.id), self.told)
        self.made.put_nowait(played)
        return played

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        """Run what is to be run in the block; it has the id of the job."""
        job, _ = await self.store.submit(new_job(kind="train", max_attempts=2))
        running = asyncio.create_task(self.runner.run())
        try:
            async with asyncio.timeout(60):
                yield job.id
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.store.close()

    async def next(self) -> Played:
        """The next attempt, once it has begun."""
        self.runner.wake()
        played = await self.made.get()
        await played.began.wait()
        return played

    async def ended(self, job_id: str) -> Job:
        """The job, once it runs no more."""
        async with self.store.subscribe(job_id) as changed:
            while (found := await self.store.get(job_id)) is None or found.state is State.RUNNING:
                await changed.wait()
        return found


def runner(store: JobStore, folder: Path, workers: int = 1) -> JobRunner:
    """One of a server whose only model is known by name: nothing of it is ever started."""
    signature = SimpleNamespace(predict=SimpleNamespace(max_batch_size=1))
    settings, state = SimpleNamespace(job_workers=workers), PoolState.READY
    pool = SimpleNamespace(name="digits", signature=signature, settings=settings, state=state)
    engine: Any = SimpleNamespace(pools={"digits": pool}, spans=None, ends_with_server=True)
    return JobRunner(store, engine, no_shared_files(folder), Presence(folder, "test"), workers, 1.0)


async def test_an_attempt_is_not_forgotten_with_what_is_left_of_the_one_before(
    where: str, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A former attempt is tidied up after, or its lease renewed while, the next one has begun."""
    plays = Plays(await JobStore.open(where), tmp_path)
    one, store = plays.runner, plays.store
    tidied, tidy, left = asyncio.Event(), one.attempts.tidied.do, asyncio.Event()
    run, renew, renewed = one._run, store.heartbeat, asyncio.Event()

    async def tidy_late(job: Job) -> None:
        await tidied.wait()
        await tidy(job)

    async def run_and_tell(*of: Any) -> None:
        await run(*of)
        left.set()

    async def renew_late(owner: str, tokens: dict[str, int], lease_seconds: float) -> Heartbeat:
        await renewed.wait()
        return await renew(owner, tokens, lease_seconds)

    monkeypatch.setattr(one.attempts.tidied, "do", tidy_late)
    monkeypatch.setattr(one, "_run", run_and_tell)
    async with plays.running() as job_id:
        first = await plays.next()
        monkeypatch.setattr(store, "heartbeat", renew_late)
        beat = asyncio.create_task(one._heartbeat())
        await asyncio.sleep(0)
        first.end.set_result(LOST)
        second = await plays.next()
        renewed.set()
        await beat
        tidied.set()
        await left.wait()
        await store.request_cancel(job_id)
        one.cancel(job_id)
        found = await plays.ended(job_id)
        assert second.end.done()
    assert (found.state, found.attempt) == (State.CANCELLED, 2)


async def test_an_attempt_of_a_job_that_was_taken_away_ends_before_the_next_one_begins_here(
    where: str, tmp_path: Path, anyio_backend: str
) -> None:
    plays = Plays(await JobStore.open(where), tmp_path)
    async with plays.running() as job_id:
        await plays.next()
        assert await plays.store.rescue({plays.runner.owner})  # this process was asleep
        second = await plays.next()
        second.end.set_result(Outcome(state=State.SUCCEEDED, status=200, ended_by="return"))
        found = await plays.ended(job_id)
    assert (found.state, found.attempt) == (State.SUCCEEDED, 2)
    assert plays.told == ["1 begins", "1 ends", "2 begins", "2 ends"]


@pytest.mark.parametrize("asked", [False, True], ids=["", "asked to stop"])
async def test_a_claim_that_nobody_was_told_of_is_given_back(
    where: str, tmp_path: Path, anyio_backend: str, asked: bool
) -> None:
    store = await SlowToTell.open(where)
    assert isinstance(store, SlowToTell)
    store.hold()
    job, _ = await store.submit(new_job(kind="train"))
    running = asyncio.create_task(runner(store, tmp_path).run())
    await store.claimed.wait()
    if asked:
        await store.request_cancel(job.id)
    running.cancel()
    await asyncio.sleep(0)
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    found = await store.get(job.id)
    assert found is not None
    assert found.state is (State.CANCELLED if asked else State.QUEUED)
    assert (found.attempt, found.owner) == (0, "")
    states = await states_of(store, job.id)
    assert State.INTERRUPTED not in states
    await store.close()


async def test_what_is_submitted_during_a_claim_is_claimed_at_once_after_it(
    where: str, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    store = await SlowToTell.open(where)
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.hold()
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    found_nothing = store.told
    await store.submit(new_job(kind="train"))
    one.wake()
    store.hold()
    found_nothing.set()
    async with asyncio.timeout(60):
        await store.claimed.wait()
    running.cancel()
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


async def test_what_another_server_submits_is_claimed_at_once(
    postgres: Postgres, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    where = postgres.new_database()
    store, other = await SlowToTell.open(where), await JobStore.open(where)
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.database.follow()
    async with store.subscribe(elsewhere("anything")) as heard, asyncio.timeout(60):
        await heard.wait()  # from now on what it hears is what the other one tells
    store.hold()
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    found_nothing = store.told
    store.hold()
    found_nothing.set()
    job, _ = await other.submit(new_job(kind="train"))
    async with asyncio.timeout(60):
        await store.claimed.wait()
    assert await states_of(store, job.id) == ["queued", "running"]
    running.cancel()
    store.told.set()
    await asyncio.gather(running, return_exceptions=True)
    for opened in (store, other):
        await opened.close()
    postgres.empty(where)


async def test_who_looks_in_vain_for_what_others_tell_of_looks_less_often(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """A rescue looks again, too."""

    store = await SlowToTell.open(tmp_path / "jobs.sqlite")
    assert isinstance(store, SlowToTell)
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    store.hold()
    store.told.set()
    looks = 0

    async def claim(*given: Any) -> list[Claim]:
        nonlocal looks
        looks += 1
        return await SlowToTell.claim(store, *given)

    monkeypatch.setattr(store, "claim", claim)
    one = runner(store, tmp_path)
    monkeypatch.setattr(one, "_rescue", nothing)
    running = asyncio.create_task(one.run())
    await store.claimed.wait()
    began = time.monotonic()
    for _ in range(200):
        store.database.changes.publish_elsewhere({WAITING})
        await asyncio.sleep(0.005)
    assert looks <= 8 + 2 * (time.monotonic() - began)
    store.claimed.clear()
    one.wake()  # a job of its own
    async with asyncio.timeout(60):
        await store.claimed.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


def test_a_look_that_finds_something_ends_all_restraint() -> None:
    now = 100.0
    restraint = Restraint(lambda: now)
    assert restraint.seconds == 0.0
    for longest in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
        restraint.looked(found=False)
        assert longest / 2 <= restraint.seconds <= longest
    now += 1.0  # it was quiet for long enough
    assert restraint.seconds == 0.0
    restraint.looked(found=False)
    restraint.looked(found=True)
    assert restraint.seconds == 0.0
