"""Claiming jobs that wait, up to so many at once, keeping the claims alive, and rescuing lost ones.

A claim is a row that says who runs the job (`owner`), with which token, and until when (the lease). What must
hold: each job that was answered is run, at no time by two who both can write its end, and a job whose server
is gone does not stay as if it still ran. What stands in the way, and what is done about it:

- *The server is killed.* Its leases end, and the next look of any server finds the job and moves it on
  (`_rescue`). A server of the same machine that is gone shows by its lock, and a SQLite file has one server:
  then nobody waits for the lease.
- *A server that is thought dead goes on* (a frozen machine, a network that was cut). Its token is older than
  that of the next claim, so whatever it writes is refused, and it ends its process when it learns of it
  (`abandon`). What it does beside writing nobody can undo: so it ends that itself, before its lease is over,
  if it could not renew it for `FENCE_SECONDS` (`fence`).
- *This process was asleep*, and wakes with leases that are over. Its first acts are a renewal before any
  rescue, so that it does not rescue its own, and one good try before it fences: nobody else may have come.
- *The database does not answer.* Renewing has a deadline, since a try that hangs would hide that the lease
  runs out. On a SQLite file nobody else can take a job: there what runs goes on, and writes later.
- *The server stops while a claim is being committed.* The jobs would be ours without our knowing, until the
  lease ends. So the claim is waited for, and what it brought is given back.
- *A task is cancelled before its first step*, and then runs nothing of itself, not even its `finally`. So the
  claims that no task has taken care of are given back here, at the end of `run`.
- *A cancellation comes between claim and start.* The store has it, and the job is not in `running` yet: what
  is cancelled while claims are on their way is kept in `_cancelled`, and told to the job when it begins.
- *Somebody submits just while we look.* `wake` cuts the wait short, and is forgotten before a look, not
  after it: at worst one look finds nothing. Other servers tell of their work; what gets lost of that is found
  by looking each second.
- *Fifty servers hear of one job.* One gets it; the others have looked in vain, and rest before they look
  again because of others (`restraint`).
- *A job is claimed here whose former attempt is here, too*: this process was asleep, or what that has left
  is still tidied up. The next one has its place in `running` then, from which the former one does not take
  it; it begins when the code of that has ended; and what is heard of the token of one is not for the other.
- *A bug in running one job.* It is logged, and costs that job only: its lease ends, and it is rescued. A bug
  in the rest ends this task, which `JobService` starts again.
- *A model cannot be loaded.* Its jobs are not claimed before it was ready once, so that they do not use up
  their attempts on it.

Why leases and tokens both: a lease says when another may begin, and cannot stop the first; a token stops the
first where it counts, in the database, and cannot say when. Why a task for each: claiming must not wait for a
database that is slow to renew, nor renewing for one that is slow to rescue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from modelport.engine.ports import Engine
from modelport.jobs.attempts import Attempts
from modelport.jobs.claims import Waiting
from modelport.jobs.presence import Presence
from modelport.jobs.records import Claim
from modelport.jobs.restraint import Restraint
from modelport.jobs.room import Room
from modelport.jobs.running import STOP_SECONDS, Running
from modelport.jobs.shared_files import SharedFiles
from modelport.jobs.states import TERMINAL
from modelport.jobs.store import JobStore
from modelport.jobs.transitions import CANCELLING, WAITING
from modelport.storage.changes import elsewhere
from modelport.storage.errors import NO_ANSWER, StoreError

log = logging.getLogger("modelport.jobs")

LEASE_SECONDS = 15.0
HEARTBEAT_SECONDS = 2.0
FENCE_SECONDS = LEASE_SECONDS * 2 / 3  # what could not be renewed for so long is ended before others take it
SHARED = ""  # the lane of the models that have no number of slots for themselves


class JobRunner:
    """Runs jobs of the engine's models, up to `workers` at once, in all; `run` it as a task.

    A model whose settings have another number has that many for itself.
    """

    def __init__(
        self,
        store: JobStore,
        engine: Engine,
        shared: SharedFiles,
        presence: Presence,
        workers: int,
        grace: float,
    ):
        self.store = store
        self.engine = engine
        self.folders = shared.folders
        self.workers = workers
        self.attempts = Attempts(engine, shared, grace, self.wake)
        self.presence = presence
        self.owner = presence.name
        self.running: dict[str, Running] = {}
        self._wake = asyncio.Event()
        self._heard = False  # of work, from another server
        self._restraint = Restraint(time.monotonic)
        self._cancelled: set[str] | None = None  # while claims are on their way: what was cancelled meanwhile

    def wake(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Stop the job's process if it runs here; the store has been told already."""
        running = self.running.get(job_id)
        if running is not None:
            running.process.cancel()
        if self._cancelled is not None:  # what runs may be over, and the next attempt on its way
            self._cancelled.add(job_id)

    def kill(self) -> None:
        """Kill what runs: there is no time to ask."""
        for running in self.running.values():
            running.stop_at_once()

    async def run(self) -> None:
        """Rescue what a killed server left, then run jobs until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_leases())
                tasks.create_task(self._repeat(LEASE_SECONDS / 3, self._rescue))
                tasks.create_task(self._hear_of_work())
                tasks.create_task(self._hear_of_cancelled())
                while True:
                    self._wake.clear()
                    heard, self._heard = self._heard, False
                    found = await self._claim(tasks)
                    if heard and found is not None:
                        self._restraint.looked(found=found > 0)
                    await self._wait()
        finally:
            # A task that is cancelled before its first step does nothing, not even this.
            await self._unclaim([running.claim for running in self.running.values()])
            self.running.clear()
            await self.attempts.warm.stop()

    async def _wait(self) -> None:
        """Until there may be something to claim."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.store.database.poll_seconds):
                await self._wake.wait()

    async def _hear_of_work(self) -> None:
        async with self.store.subscribe(elsewhere(WAITING)) as told:
            while True:
                await told.wait()
                await asyncio.sleep(self._restraint.seconds)
                told.clear()
                self._heard = True
                self.wake()

    async def _hear_of_cancelled(self) -> None:
        """Stop jobs that other servers were asked to: the next renewal would find it, too."""
        async with self.store.subscribe(elsewhere(CANCELLING)) as told:
            while True:
                await told.wait()
                told.clear()
                try:
                    await self._heartbeat()
                except StoreError as error:
                    log.warning("jobs: what is cancelled elsewhere cannot be read now: %s", error)

    async def _repeat(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except StoreError as error:
                log.warning("jobs: %s", error)
            await asyncio.sleep(seconds)

    async def _keep_leases(self) -> None:
        """Renew leases; end what runs while that cannot be done, before another server may take it.

        Nobody else can take jobs of a SQLite file: there they run on.
        """
        clock = asyncio.get_running_loop().time
        renewed = clock()
        while True:
            begun = clock()
            # At least one good try: this process may have been asleep, and still have its jobs.
            left = max(HEARTBEAT_SECONDS, renewed + FENCE_SECONDS - begun)
            try:
                async with asyncio.timeout(left if self.store.database.is_shared else None):
                    await self._heartbeat()
                renewed = begun
            except (StoreError, TimeoutError) as error:
                log.warning("jobs: leases cannot be renewed: %s", str(error) or NO_ANSWER)
                if self.store.database.is_shared and clock() >= renewed + FENCE_SECONDS:
                    for running in self.running.values():
                        running.fence()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _room(self) -> Room:
        """What may run now. A job waits for its model to be loaded."""
        room = Room(slots={SHARED: self.workers})
        for pool in self.engine.pools.values():
            own = pool.settings.job_workers
            lane = SHARED if own == self.workers else pool.name
            workers = self.attempts.warm.of(pool.name)
            room.lanes[pool.name] = lane
            room.slots.setdefault(lane, own)
            room.slots[lane] -= workers.slots
            if pool.state.is_unloaded:
                workers.rest()
            elif pool.signature is not None:
                room.together[pool.name] = workers.together
                room.ahead[pool.name] = workers.ahead
        for running in self.running.values():
            if running.has_slot:
                room.slots[room.lanes[running.claim.job.model]] -= 1
        return room

    async def _claim(self, tasks: asyncio.TaskGroup) -> int | None:
        """Run what may be run now; returns how many jobs were there, `None` if that was not looked at."""
        room = self._room()
        models, limit = room.models(), room.limit()
        if limit <= 0 or not models:
            return None
        taking = asyncio.create_task(self.store.claim(self.owner, limit, LEASE_SECONDS, models, room.choose))
        cancelled = self._cancelled = set()
        try:
            claims = await asyncio.shield(taking)
        except StoreError as error:
            log.warning("jobs: nothing can be claimed: %s", error)
            return None
        except asyncio.CancelledError:  # what is being committed now would be ours without our knowing
            await asyncio.wait([taking], timeout=STOP_SECONDS)
            if taking.done() and not taking.cancelled() and taking.exception() is None:
                await self._unclaim(taking.result())
            raise
        finally:
            self._cancelled = None
        for claim, place in zip(claims, room.places([waiting(claim) for claim in claims]), strict=True):
            assert place is not None  # else it had not been chosen
            try:
                running = Running(self.store, self.attempts, claim, place)
            except Exception:  # as in `_run`
                log.exception("job %s: the server failed to run it", claim.job.id)
                continue
            former = self.running.get(claim.job.id)
            self.running[claim.job.id] = running
            if claim.job.id in cancelled:
                running.process.cancel()
            tasks.create_task(self._run(running, former))
        return len(claims)

    async def _unclaim(self, claims: list[Claim]) -> None:
        """Give back jobs that have not begun: the server stops."""
        for claim in claims:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self.store.unclaim(claim.job.id, claim.token)
            except (StoreError, TimeoutError) as error:
                log.warning("job %s could not be given back: %s", claim.job.id, str(error) or NO_ANSWER)

    async def _run(self, running: Running, former: Running | None) -> None:
        """Run an attempt, once the `former` one, which was begun here, has ended."""
        try:
            if former is not None:
                await former.over()
            await running.run()
        except Exception:  # a bug with one job; the others go on, and its lease will end
            log.exception("job %s: the server failed to run it", running.claim.job.id)
        finally:
            if self.running.get(running.claim.job.id) is running:  # and not its next attempt, already
                del self.running[running.claim.job.id]
            self.wake()

    async def _heartbeat(self) -> None:
        if not self.running:
            return
        tokens = {job_id: running.claim.token for job_id, running in self.running.items()}
        beat = await self.store.heartbeat(self.owner, tokens, LEASE_SECONDS)
        for job_id, token in tokens.items():
            running = self.running.get(job_id)
            if running is None or running.claim.token != token:  # the next attempt has begun meanwhile
                continue
            if job_id not in beat.alive and not running.has_ended:
                running.abandon("another server has taken it")
            elif job_id in beat.cancel_requested:
                running.process.cancel()

    async def _rescue(self) -> None:
        await self._heartbeat()  # first: a server that slept longer than its leases must not rescue its own
        lost = {owner for owner in await self.store.owners() if self._is_gone(owner)}
        for job in await self.store.rescue(lost):
            log.warning("job %s was left by a server that is gone; it is %s now", job.id, job.state)
            if job.state in TERMINAL:
                await asyncio.to_thread(self.folders.drop_inputs, job.id)
        self.wake()

    def _is_gone(self, owner: str) -> bool:
        """True if nobody can be `owner` any more. A SQLite file is ours alone, whoever had it before.

        What it has begun elsewhere may not know yet: then its leases tell.
        """
        if not self.engine.ends_with_server:
            return False
        return self.presence.is_gone(owner) if self.store.database.is_shared else owner != self.owner


def waiting(claim: Claim) -> Waiting:
    """The job as it was before it was claimed."""
    job = claim.job
    return Waiting(job.number, job.kind, job.model, claim.attempt - 1)
