"""An attempt of a job in a process of its own, which loads the model, runs one call and ends."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from modelport.engine.pending import BEFORE_IT_RAN
from modelport.engine.ports import JobLauncher, JobWorker
from modelport.jobs.attempt import JobAttempt, not_started
from modelport.jobs.folders import sync_job, sync_tree
from modelport.jobs.records import Claim, NewEvent, Outcome, cancelled_as
from modelport.jobs.spans import call_of
from modelport.storage import failpoints
from modelport.worker.frames import FrameError, JobOrder, Kind, Load

log = logging.getLogger("modelport.jobs")

START_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)  # while the machine has no room for one more process
LACKING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
OUTPUT_SECONDS = 1.0  # how long output may still come after the process ended


class StartFrom(NamedTuple):
    """What the process of a job is started by, what it loads, and where its temporary files go."""

    launch: JobLauncher
    load: Load
    temp: Path


class JobProcess(JobAttempt):
    """Runs a claimed job once, in a process that is there for nothing else."""

    def __init__(
        self,
        start_from: StartFrom,
        claim: Claim,
        folder: Path,
        report: Callable[[NewEvent], None],
        cancel_grace: float,
    ):
        super().__init__(claim, folder, report, cancel_grace)
        load = msgspec.structs.replace(start_from.load, spool=str(folder / "result"))
        self._start_from = start_from._replace(load=load)

    # -- what the worker tells ---------------------------------------------------------------------

    def on_frame(self, worker: JobWorker, kind: int, message: Any) -> None:
        if kind == Kind.READY:
            if self._to_stop.is_set():  # its code has not begun, and never will
                worker.kill("cancelled")
                return
            call = call_of(self.claim)
            order = JobOrder(call, self.claim.job.id, self.claim.attempt, str(self.folder))
            worker.send(Kind.JOB, order)
            self.has_begun = True
            failpoints.reach("order.sent")
        elif kind == Kind.REPORT:
            self.on_report(worker, message)
        elif kind == Kind.FAILED:
            self.on_failed(message)
        elif kind == Kind.ANSWERS:
            self.on_answer(message[0])

    def on_lost(self, worker: JobWorker, reason: str) -> None:
        self.on_end(reason, is_gone=worker.is_gone)

    # -- life --------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Run the job to its end. Cancelling this coroutine kills the process."""
        launch, load, temp = self._start_from
        try:
            self._worker = worker = launch(self, load, temp)
        except ValueError as error:  # a device that there is not, for one
            return not_started(error)
        try:
            for name in ("result", "checkpoints", "artifacts"):
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(sync_job, self.folder)  # before an artifact can be told of
            failpoints.reach("spawn.before")
            if not self._to_stop.is_set():
                await start(worker, self.claim.job.id, self._to_stop)
            if self._to_stop.is_set() and not self.asked:
                return cancelled_as(BEFORE_IT_RAN)
            failpoints.reach("spawn.after")
            await self._over.wait()
            self.end_cancelling()
            await worker.stop()
            await worker.all_printed(OUTPUT_SECONDS)
            return await self.outcome()
        except (OSError, FrameError) as error:
            if self._to_stop.is_set():
                return cancelled_as(self.asked or BEFORE_IT_RAN)
            if worker.is_gone:
                self.on_end(str(error), is_gone=True)
                return await self.outcome()
            return not_started(error)
        finally:
            self._to_stop.set()
            self.end_cancelling()
            await asyncio.shield(worker.stop(at_once=True))

    def kept_result(self, answer: Path) -> str:
        """It lies in the job's folder, and only has to be synced."""
        sync_tree(self.folder / "result")
        return str(answer.relative_to(self.folder))


async def start(worker: JobWorker, job_id: str, to_stop: asyncio.Event) -> None:
    """Start a process, trying again where it lacks what others may soon give back. Raises `OSError`.

    Returns without a process if the job, or all that wanted it, is to stop meanwhile.
    """
    for delay in START_DELAYS:
        try:
            await worker.start()
            return
        except OSError as error:
            if error.errno not in LACKING or to_stop.is_set():
                raise
            log.warning("job %s cannot be started now: %s", job_id, error.strerror)
        try:
            async with asyncio.timeout(delay):
                await to_stop.wait()
                return
        except TimeoutError:
            pass
    await worker.start()
