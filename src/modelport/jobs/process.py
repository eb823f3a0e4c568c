"""One attempt of a job: a process of its own that loads the model, runs one call and ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from modelport.contract.calls import HIDDEN, Answer, unpacked
from modelport.contract.current_job import KNOWS_JOB
from modelport.engine.output import printable
from modelport.engine.ports import JobLauncher, JobWorker
from modelport.jobs.folders import sync_job, sync_tree
from modelport.jobs.records import Claim, NewEvent, Outcome
from modelport.jobs.states import State
from modelport.storage import failpoints
from modelport.worker.frames import Failed, FrameError, JobOrder, Kind, Load, Report

log = logging.getLogger("modelport.jobs")

START_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)  # while the machine has no room for one more process
LACKING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
OUTPUT_SECONDS = 1.0  # how long output may still come after the process ended
FLAG_SHARE = 0.25  # of the grace: the time for code that looks at the flag, before SIGTERM


class StartFrom(NamedTuple):
    """What the process of a job is started by, what it loads, and where its temporary files go."""

    launch: JobLauncher
    load: Load
    temp: Path


class JobProcess:
    """Runs a claimed job once. `report` gets its log lines, metrics and progress as they come."""

    def __init__(
        self,
        start_from: StartFrom,
        claim: Claim,
        folder: Path,
        report: Callable[[NewEvent], None],
        cancel_grace: float,
    ):
        self.claim = claim
        self.folder = folder
        self.hide_model_errors = False  # then only the log of the server has them, with their tracebacks
        self._report = report
        self._grace = cancel_grace
        self._answer: Answer | None = None
        self._failed: Failed | None = None
        self._lost = ""
        self.has_begun = False  # its process was told to run the call
        self._over = asyncio.Event()
        self._cancelling: asyncio.Task[None] | None = None
        self._knows_job = False  # its code has called current_job(), and may look at the flag
        self._to_stop = asyncio.Event()
        self._asked = ""  # how far a cancellation went: flag, SIGTERM, SIGKILL
        load = msgspec.structs.replace(start_from.load, spool=str(folder / "result"))
        self._worker = start_from.launch(self, load, start_from.temp)

    # -- what the worker tells ---------------------------------------------------------------------

    def add(self, line: bytes) -> None:
        """A line that the job printed."""
        self._report(NewEvent(type="log", data={"line": printable(line)}))

    def on_frame(self, worker: JobWorker, kind: int, message: Any) -> None:
        if kind == Kind.READY:
            if self._to_stop.is_set():  # its code has not begun, and never will
                worker.kill("cancelled")
                return
            call = unpacked(self.claim.job.call)
            order = JobOrder(call, self.claim.job.id, self.claim.attempt, str(self.folder))
            worker.send(Kind.JOB, order)
            self.has_begun = True
            failpoints.reach("order.sent")
        elif kind == Kind.REPORT:
            said: Report = message
            if said.type == KNOWS_JOB:
                self._knows_job = True
            else:
                worker.drain_output()  # what was printed before it stands before it
                self._report(NewEvent(type=said.type, data=said.data))
        elif kind == Kind.FAILED:
            self._failed = message
        elif kind == Kind.ANSWERS:
            self._answer = message[0]
            self._over.set()

    def on_lost(self, worker: JobWorker, reason: str) -> None:
        self._lost = reason
        self._over.set()

    # -- life --------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Run the job to its end. Cancelling this coroutine kills the process."""
        worker = self._worker
        try:
            for name in ("result", "checkpoints", "artifacts"):
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(sync_job, self.folder)  # before an artifact can be told of
            failpoints.reach("spawn.before")
            if not self._to_stop.is_set():
                await self._start()
            if self._to_stop.is_set() and not self._asked:
                return Outcome(state=State.CANCELLED, status=499, error="cancelled", ended_by="before it ran")
            failpoints.reach("spawn.after")
            await self._over.wait()
            self._end_cancelling()
            await worker.stop()
            await worker.all_printed(OUTPUT_SECONDS)
            return await self._outcome()
        except (OSError, FrameError) as error:
            if self._to_stop.is_set():
                return Outcome(state=State.CANCELLED, status=499, error="cancelled", ended_by="flag")
            error_text = f"it could not be started: {getattr(error, 'strerror', None) or error}"
            return Outcome(state=State.FAILED, status=500, error=error_text, ended_by="start")
        finally:
            self._to_stop.set()
            self._end_cancelling()
            await asyncio.shield(worker.stop(at_once=True))

    async def wait_over(self, seconds: float) -> bool:
        """Wait until the job has answered or its process has ended, but no longer; true if it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._over.is_set()

    def hold_back(self) -> None:
        """Let the job wait with further reports until `go_on`."""
        self._worker.hold_back()

    def go_on(self) -> None:
        """Take reports again."""
        self._worker.go_on()

    async def _start(self) -> None:
        """Start the process, trying again where it lacks what others may soon give back. Raises `OSError`.

        Returns without a process if the job is cancelled meanwhile.
        """
        for delay in START_DELAYS:
            try:
                await self._worker.start()
                return
            except OSError as error:
                if error.errno not in LACKING or self._to_stop.is_set():
                    raise
                log.warning("job %s cannot be started now: %s", self.claim.job.id, error.strerror)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._to_stop.wait()
                    return
        await self._worker.start()

    def cancel(self) -> None:
        """Ask the job to stop, and insist: the flag, SIGTERM, at the end of the grace SIGKILL.

        Code that knows nothing of jobs, as every DEEPaaS model, gets SIGTERM at once. A job whose process
        is not there yet will have none.
        """
        self._to_stop.set()
        if self._worker.pid and self._cancelling is None and not self._over.is_set():
            self._asked = "flag"
            self._cancelling = asyncio.get_running_loop().create_task(self._cancel())

    async def _cancel(self) -> None:
        self._worker.ask_to_stop()
        to_look = self._grace * FLAG_SHARE if self._knows_job else 0.0
        await asyncio.sleep(to_look)
        self._asked = "SIGTERM"
        self._worker.terminate()
        await asyncio.sleep(self._grace - to_look)
        self._asked = "SIGKILL"
        self._worker.kill("cancelled")

    def _end_cancelling(self) -> None:
        if self._cancelling is not None:
            self._cancelling.cancel()

    async def _outcome(self) -> Outcome:
        if self._asked:
            return Outcome(state=State.CANCELLED, status=499, error="cancelled", ended_by=self._asked)
        if self._failed is not None:
            error = f"the model could not be loaded: {self._failed.message}"
            if self.hide_model_errors:
                log.error("job %s: %s\n%s", self.claim.job.id, error, self._failed.traceback)
                error = "the model could not be loaded"
            return Outcome(state=State.FAILED, status=500, error=error, ended_by="load")
        if self._answer is None:
            again = self.claim.attempt < self.claim.job.max_attempts
            ended = "its process ended" if self.has_begun else "its process died of loading the model"
            return Outcome(
                state=State.INTERRUPTED if again else State.FAILED,
                status=500,
                error=f"{ended}: {self._lost}",
                ended_by=f"crash, {self._lost}",
            )
        return await self._answered(self._answer)

    async def _answered(self, answer: Answer) -> Outcome:
        if answer.status >= 400 or answer.problem:
            return self._refused(answer)
        file = ""
        if answer.path:
            failpoints.reach("result.written")
            try:
                await asyncio.to_thread(sync_tree, self.folder / "result")
            except OSError as error:  # what may not outlive a power cut is no result
                kept = f"its result could not be kept: {error.strerror or error}"
                return Outcome(state=State.FAILED, status=507, error=kept, ended_by="disk")
            failpoints.reach("result.synced")
            file = str(Path(answer.path).relative_to(self.folder))
        named = dict(answer.headers).get("content-disposition", "")
        return Outcome(
            state=State.SUCCEEDED,
            status=answer.status,
            result=answer.body,
            result_file=file,
            result_type=answer.content_type,
            result_name=named,
        )

    def _refused(self, answer: Answer) -> Outcome:
        """The model raised an exception."""
        reason = answer.reason
        error = answer.detail or reason or answer.body.decode("utf-8", "replace")
        if self.hide_model_errors and answer.status == 500:
            log.error("job %s failed: %s\n%s", self.claim.job.id, error, answer.failure)
            error, reason = HIDDEN, ""
        else:
            for line in answer.failure.splitlines():
                self.add(line.encode())
        return Outcome(
            state=State.FAILED,
            status=answer.status,
            reason=reason,
            headers=list(answer.headers),
            result=answer.body,
            result_type=answer.content_type if answer.body else "",
            error=error or f"status {answer.status}",
            ended_by="exception",
        )
