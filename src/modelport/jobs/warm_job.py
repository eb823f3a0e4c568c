"""An attempt of a prediction that is a job, by a worker that has its model loaded already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from modelport.contract.calls import Answer
from modelport.engine.pending import BEFORE_IT_RAN
from modelport.engine.ports import Engine, JobWorker
from modelport.jobs.attempt import JobAttempt, not_started
from modelport.jobs.folders import keep_result
from modelport.jobs.records import Claim, NewEvent, Outcome, cancelled_as
from modelport.jobs.room import Place
from modelport.jobs.spans import call_of
from modelport.storage import failpoints


class Lender(Protocol):
    """The warm workers of a model, as a job sees them."""

    def expect(self, place: Place) -> None:
        """A job was claimed, and will be added or missed."""
        ...

    def miss(self) -> None:
        """A job that was expected does not come."""
        ...

    def add(self, job: WarmJob) -> None:
        """Have a job run by the next worker that is free for it."""
        ...

    def withdraw(self, job: WarmJob, why: str) -> bool:
        """Run a job no more; false if its worker has to be killed for that, which ends the job later."""
        ...


class WarmJob(JobAttempt):
    """Waits for a worker of its model, and is run by it, perhaps together with others.

    Make it as soon as the job is claimed, and `run` it: its slot is taken from then on.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Lender,
        claim: Claim,
        place: Place,
        folder: Path,
        report: Callable[[NewEvent], None],
    ):
        super().__init__(claim, folder, report, engine.settings.cancel_grace)
        self.call = msgspec.structs.replace(call_of(claim), id=engine.next_id())
        self.load = engine.job_load(claim.job.model, "predict", self.call.saved)
        self.is_alone = claim.attempt > 1  # it may be what ended a worker
        self._engine = engine
        self._workers = workers
        self._error: Exception | None = None
        self._logged: Callable[[Answer], None] | None = None
        self._is_shared = False  # its worker runs others at the same time, which nobody has cancelled
        workers.expect(place)

    async def run(self) -> Outcome:
        """Have it run, to its end. Cancelling this coroutine kills the worker that runs it."""
        is_added = False
        try:
            if self._to_stop.is_set():
                return cancelled_as(BEFORE_IT_RAN)
            failpoints.reach("spawn.before")
            self._workers.add(self)
            is_added = True
            await self._over.wait()
            self.end_cancelling()
            if self._error is not None and not self.asked:
                return not_started(self._error)
            if not self.has_begun and self._to_stop.is_set():
                return cancelled_as(BEFORE_IT_RAN)
            return await self.outcome()
        finally:
            self._to_stop.set()
            self.end_cancelling()
            await self._leave(is_added=is_added)

    async def _leave(self, *, is_added: bool) -> None:
        """Leave no worker that runs it, and no file of it but its own."""
        if not is_added:
            self._workers.miss()
        elif not self._over.is_set() and not self._workers.withdraw(self, "the job is given up"):
            await asyncio.shield(self._over.wait())
        if self.has_begun and self._may_have_files():
            spool = self._engine.spool
            await asyncio.shield(asyncio.to_thread(spool.remove, spool.folder_of(self.call.id)))

    def _may_have_files(self) -> bool:
        pool = self._engine.pools[self.claim.job.model]
        return self._answer is None or bool(self._answer.path) or pool.may_leave_files()

    # -- what its worker tells ---------------------------------------------------------------------

    def begin(self, worker: JobWorker, *, is_shared: bool) -> None:
        """The worker is told to run it."""
        self._worker = worker
        self._is_shared = is_shared
        self.has_begun = True
        call_log, job = self._engine.call_log, self.claim.job
        if call_log is not None:
            self._logged = call_log.of_job(self._engine.pools[job.model], self.call, job.id)

    def on_answer(self, answer: Answer) -> None:
        """The call has ended."""
        if self._logged is not None:
            self._logged(answer)
        super().on_answer(answer)

    def give_back(self) -> None:
        """No worker was free in time."""
        self.was_given_back = True
        self._over.set()

    def fail_to_start(self, error: Exception) -> None:
        """No worker could be started, or told of it."""
        self._error = error
        self._over.set()

    # -- what the server wants ---------------------------------------------------------------------

    def cancel(self) -> None:
        """Ask it to stop, and insist, as of a process of its own; before it has begun it never will.

        What is run together with others is not asked: when the grace is over its worker is killed, and the
        others are run again.
        """
        if self.has_begun:
            super().cancel()
        elif not self._to_stop.is_set():
            self._to_stop.set()
            if not self._over.is_set() and self._workers.withdraw(self, "cancelled"):
                self._over.set()

    async def insist(self, worker: JobWorker) -> None:
        """See `cancel`."""
        if not self._is_shared:
            await super().insist(worker)
            return
        self.asked = ""  # if it ends by itself it has not been asked
        await asyncio.sleep(self._grace)
        self.asked = "SIGKILL"
        worker.kill("cancelled")

    def kept_result(self, answer: Path) -> str:
        """Move it from the server's temporary files, where workers write, to the job's folder."""
        return keep_result(self.folder, answer)
