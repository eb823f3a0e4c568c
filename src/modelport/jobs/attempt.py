"""One attempt of a job in another process: what is said there, how it is stopped, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from modelport.contract.calls import HIDDEN, Answer
from modelport.contract.current_job import KNOWS_JOB, LEFT
from modelport.engine.output import printable
from modelport.engine.ports import JobWorker
from modelport.jobs.records import Claim, NewEvent, Outcome, cancelled_as
from modelport.jobs.states import State
from modelport.storage import failpoints
from modelport.worker.frames import Failed, Report

log = logging.getLogger("modelport.jobs")

FLAG_SHARE = 0.25  # of the grace: the time for code that looks at the flag, before SIGTERM


class JobAttempt(ABC):
    """Runs a claimed job once. `report` gets its log lines, metrics and progress as they come."""

    def __init__(self, claim: Claim, folder: Path, report: Callable[[NewEvent], None], cancel_grace: float):
        self.claim = claim
        self.folder = folder
        self.hide_model_errors = False  # then only the log of the server has them, with their tracebacks
        self.has_begun = False  # its process was told to run the call
        self._report = report
        self._grace = cancel_grace
        self._worker: JobWorker | None = None
        self._answer: Answer | None = None
        self._failed: Failed | None = None
        self._lost = ""
        self._over = asyncio.Event()
        self._cancelling: asyncio.Task[None] | None = None
        self._knows_job = False  # its code has called current_job(), and may look at the flag
        self._to_stop = asyncio.Event()
        self.asked = ""  # how far a cancellation went: flag, SIGTERM, SIGKILL
        self.is_gone = False  # its process is, with its machine
        self.was_given_back = False  # nothing could run it now: it is to wait as before

    @abstractmethod
    async def run(self) -> Outcome:
        """Run the job to its end. Cancelling this coroutine kills what runs it."""

    @abstractmethod
    def kept_result(self, answer: Path) -> str:
        """Keep a large answer in the job's folder, synced; returns where in it that is. Raises `OSError`."""

    # -- what the process tells --------------------------------------------------------------------

    def add(self, line: bytes) -> None:
        """A line that the job printed."""
        self._report(NewEvent(type="log", data={"line": printable(line)}))

    def on_report(self, worker: JobWorker, said: Report) -> None:
        """The code of the job has said something."""
        if said.type == KNOWS_JOB:
            self._knows_job = True
        elif said.type != LEFT:
            worker.drain_output()  # what was printed before it stands before it
            self._report(NewEvent(type=said.type, data=said.data))

    def on_failed(self, failed: Failed) -> None:
        """The model could not be loaded."""
        self._failed = failed

    def on_answer(self, answer: Answer) -> None:
        """The call has ended."""
        self._answer = answer
        self._over.set()

    def on_end(self, reason: str, *, is_gone: bool = False) -> None:
        """The process has ended, or `is_gone` with its machine."""
        self._lost = reason
        self.is_gone = is_gone
        self._over.set()

    # -- what the server wants ---------------------------------------------------------------------

    async def wait_over(self, seconds: float) -> bool:
        """Wait until the job has answered or its process has ended, but no longer; true if it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._over.is_set()

    def hold_back(self) -> None:
        """Let the job wait with further reports until `go_on`."""
        if self._worker is not None:
            self._worker.hold_back()

    def go_on(self) -> None:
        """Take reports again."""
        if self._worker is not None:
            self._worker.go_on()

    def cancel(self) -> None:
        """Ask the job to stop, and insist: the flag, SIGTERM, at the end of the grace SIGKILL.

        Code that knows nothing of jobs, as every DEEPaaS model, gets SIGTERM at once. A job whose process
        is not there yet will have none.
        """
        self._to_stop.set()
        worker = self._worker
        if worker is None or self._cancelling is not None or self._over.is_set():
            return
        if not worker.has_begun:
            worker.kill("cancelled")  # it waits for its place no longer
            return
        self.asked = "flag"
        self._cancelling = asyncio.get_running_loop().create_task(self.insist(worker))

    async def insist(self, worker: JobWorker) -> None:
        """What follows a cancellation: see `cancel`."""
        worker.ask_to_stop()
        to_look = self._grace * FLAG_SHARE if self._knows_job else 0.0
        await asyncio.sleep(to_look)
        self.asked = "SIGTERM"
        worker.terminate()
        await asyncio.sleep(self._grace - to_look)
        self.asked = "SIGKILL"
        worker.kill("cancelled")

    def end_cancelling(self) -> None:
        """Insist no longer: it is over."""
        if self._cancelling is not None:
            self._cancelling.cancel()

    # -- how it ended ------------------------------------------------------------------------------

    async def outcome(self) -> Outcome:
        """What became of it, once it is over."""
        if self.asked:
            return cancelled_as(self.asked)
        if self._failed is not None:
            error = f"the model could not be loaded: {self._failed.message}"
            if self.hide_model_errors:
                log.error("job %s: %s\n%s", self.claim.job.id, error, self._failed.traceback)
                error = "the model could not be loaded"
            return Outcome(state=State.FAILED, status=500, error=error, ended_by="load")
        if self._answer is None and self.is_gone:
            return Outcome(
                state=State.INTERRUPTED,
                status=503,
                error=f"its process is gone: {self._lost}",
                ended_by="lost",
            )
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
        if answer.failure:  # of single rows of a batch job
            log.error("job %s: rows have failed:\n%s", self.claim.job.id, answer.failure)
        file = ""
        if answer.path:
            failpoints.reach("result.written")
            try:
                file = await asyncio.to_thread(self.kept_result, Path(answer.path))
            except OSError as error:  # what may not outlive a power cut is no result
                kept = f"its result could not be kept: {error.strerror or error}"
                return Outcome(state=State.FAILED, status=507, error=kept, ended_by="disk")
            failpoints.reach("result.synced")
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
        return refused(answer, error or f"status {answer.status}", reason)


def refused(answer: Answer, error: str, reason: str) -> Outcome:
    """The outcome of a job whose call was answered so, told in these words."""
    return Outcome(
        state=State.FAILED,
        status=answer.status,
        reason=reason,
        headers=list(answer.headers),
        result=answer.body,
        result_type=answer.content_type if answer.body else "",
        error=error,
        ended_by="exception",
    )


def not_started(error: Exception) -> Outcome:
    """The outcome of a job for which no process could be started, or told what to do."""
    words = f"it could not be started: {getattr(error, 'strerror', None) or error}"
    return Outcome(state=State.FAILED, status=500, error=words, ended_by="start")
