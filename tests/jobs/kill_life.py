"""A server's life on a store, lived until somebody kills it; what it does goes into the history."""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path

from history import Recorder, append_run
from history_final import finals

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Claim, NewEvent, NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore

HOOK = "https://example.org/"
LEASE = 3600.0  # lives are told apart by their names: nobody waits for a lease


class Life:
    """One life. `name` is unique; `before` names the lives that were killed on this database."""

    def __init__(self, folder: Path, name: str, before: set[str], seed: str, steps: int):
        self.folder = folder
        self.name = name
        self.before = before
        self.dice = random.Random(seed)
        self.recorder = Recorder(folder / "history")
        self.known: list[str] = []
        self.cancelled: set[str] = set()  # a server stops what it has confirmed to cancel
        self._steps = steps  # a byte for each thing that was confirmed

    async def live(self) -> None:
        """Rescue what the last life left, then submit, run, cancel and announce until killed."""
        store = await JobStore.open(str(self.folder / "jobs.sqlite"))
        await store.rescue(self.before)
        async with asyncio.TaskGroup() as tasks:
            for number in range(3):
                tasks.create_task(self._submit(store, f"submitter {number} of {self.name}"))
            for _ in range(2):
                tasks.create_task(self._run(store))
            tasks.create_task(self._announce(store))

    async def _submit(self, store: JobStore, proc: str) -> None:
        for number in range(10_000):
            key = f"key-{self.dice.randrange(40)}" if self.dice.random() < 0.3 else None
            new = NewJob(
                id=f"{self.name}-{proc.split()[1]}-{number}",
                kind="predict",
                model="m",
                max_attempts=10_000,
                requested_by="me",
                idempotency_key=key,
                request_hash="h",
                callback_url=HOOK if key is None and number % 2 else None,
            )
            with self.recorder.operation(proc, "submit", key or "", principal="me") as record:
                job, _ = await store.submit(new)
                record.type, record.value["job"] = "ok", job.id
            self.known.append(job.id)
            os.write(self._steps, b"!")
            if self.dice.random() < 0.1:
                await self._cancel(store, proc, self.dice.choice(self.known))
            await self._look(store, proc, self.dice.choice(self.known))

    async def _cancel(self, store: JobStore, proc: str, job_id: str) -> None:
        with self.recorder.operation(proc, "cancel", job_id) as record:
            job = await store.request_cancel(job_id)
            self.cancelled.add(job_id)
            record.type, record.value = "ok", {"state": job.state} if job else {"missing": True}

    async def _look(self, store: JobStore, proc: str, job_id: str) -> None:
        with self.recorder.operation(proc, "get", job_id) as record:
            job = await store.get(job_id)
            found = {"state": job.state, "revision": job.revision} if job else {"missing": True}
            record.type, record.value = "ok", found

    async def _run(self, store: JobStore) -> None:
        while True:
            for claim in await store.claim(self.name, 3, LEASE):
                await run_claim(store, claim, str(self.folder / "side"), self.cancelled)
                os.write(self._steps, b"!")
            await asyncio.sleep(0.002)

    async def _announce(self, store: JobStore) -> None:
        while True:
            await announce(store, self.recorder, self.name)
            await asyncio.sleep(0.01)


async def run_claim(store: JobStore, claim: Claim, side: str, cancelled: set[str]) -> None:
    """Run a job, unless its cancellation was confirmed since it was claimed."""
    job, token = claim.job, claim.token
    if job.cancel_requested or job.id in cancelled:
        await store.finish(job.id, token, Outcome(state=State.CANCELLED, status=499))
        return
    append_run(side, job.id, claim.attempt, token, "start")
    await store.append(job.id, token, [NewEvent(type="log", data={"line": str(token)})])
    append_run(side, job.id, claim.attempt, token, "end")
    result = json.dumps({"attempt": claim.attempt, "token": token}).encode()
    await store.finish(job.id, token, Outcome(state=State.SUCCEEDED, result=result))


async def announce(store: JobStore, recorder: Recorder, owner: str) -> bool:
    """Send the webhooks that are due to a receiver that takes all of them; false if there was none."""
    due = await store.due_deliveries(20, owner, LEASE)
    for one in due:
        recorder.note(
            "receiver",
            "webhook",
            one.job_id,
            id=one.id,
            valid=True,
            state=one.state,
            revision=one.revision,
            answered=204,
        )
        await store.delivered(one.id)
    return bool(due)


async def recover(folder: Path, before: set[str]) -> None:
    """After the last kill: rescue, run what waits, announce, and walk over all."""
    recorder = Recorder(folder / "history")
    store = await JobStore.open(str(folder / "jobs.sqlite"))
    with recorder.operation("last", "settle", bound=60.0) as record:
        await store.rescue(before)
        while claims := await store.claim("last", 100, LEASE):
            for claim in claims:
                await run_claim(store, claim, str(folder / "side"), set())
        while await announce(store, recorder, "last"):
            pass
        record.type = "ok"
    with recorder.operation("last", "walk") as record:
        jobs: list[str] = []
        cursor: int | None = None
        while True:
            page = await store.list(limit=100, cursor=cursor)
            jobs += [job.id for job in page.jobs]
            cursor = page.cursor
            if cursor is None:
                break
        record.type, record.value["jobs"] = "ok", jobs
    await store.close()
    for one in await finals(str(folder / "jobs.sqlite"), JobFolders(folder)):
        one.number = f"final {one.key}"
        recorder.write(one)
    recorder.close()


def begin(folder: Path, name: str, before: set[str], seed: str, steps: int) -> None:
    """Live, in a process of its own, until it is killed; each step is told to the pipe `steps`."""
    asyncio.run(Life(folder, name, before, seed, steps).live())
