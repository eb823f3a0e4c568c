"""A job run here, without a server: in a process of its own, with Ctrl-C to cancel it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from time import time
from typing import Any

import msgspec

from modelport.contract.calls import Answer, Call, packed
from modelport.contract.signature import Signature, VerbName
from modelport.engine.local import launch_job
from modelport.engine.ports import JobWorker
from modelport.jobs.process import JobProcess, StartFrom
from modelport.jobs.records import Claim, Job, NewEvent, Outcome, cancelled_as
from modelport.jobs.states import State
from modelport.worker.frames import Failed, Kind, Load, Ready

STOPPING = (signal.SIGINT, signal.SIGTERM)


class LocalJob(JobProcess):
    """Loads the model, waits for its call, runs it. `loaded` gives the signature that the call is made by."""

    def __init__(self, load: Load, verb: VerbName, temp: Path, report: Callable[[NewEvent], None]):
        claim = Claim(job=_job(load.name, verb), token=1, attempt=1)
        super().__init__(StartFrom(launch_job, load, temp), claim, temp / "job", report, cancel_grace=0.0)
        self.loaded: asyncio.Future[Signature] = asyncio.get_running_loop().create_future()
        self.answer: Answer | None = None
        self.traceback = ""  # why the model could not be loaded
        self.has_begun = False
        self._arguments: dict[str, Any] | None = None  # to be filled by a call that only binds them
        self._starting: tuple[JobWorker, Ready] | None = None

    def begin(
        self, call: Call, folder: Path, cancel_grace: float, arguments: dict[str, Any] | None = None
    ) -> None:
        """Run the call. What the job keeps goes to `folder`; `arguments` gets what may be shown of them."""
        assert self._starting is not None
        worker, ready = self._starting
        self.claim.job.call = packed(call)
        self.folder = folder
        self._grace = cancel_grace
        self.has_begun = True
        if arguments is None:
            super().on_frame(worker, Kind.READY, ready)
            return
        self._arguments = arguments
        worker.send(Kind.CALLS, [msgspec.structs.replace(call, only_check=True)])

    def on_frame(self, worker: JobWorker, kind: int, message: Any) -> None:
        if kind == Kind.READY:
            self._starting = (worker, message)
            if not self.loaded.done():
                self.loaded.set_result(message.signature)
            return
        if kind == Kind.FAILED:
            failed: Failed = message
            self.traceback = failed.traceback
        elif kind == Kind.ANSWERS and self._arguments is not None and message[0].status == 200:
            assert self._starting is not None
            self._arguments |= msgspec.json.decode(message[0].body)
            self._arguments = None
            super().on_frame(worker, Kind.READY, self._starting[1])
            return
        elif kind == Kind.ANSWERS:  # of the call, or that its arguments are refused
            self.answer = self._kept(message[0])
        super().on_frame(worker, kind, message)

    def _kept(self, answer: Answer) -> Answer:
        """A large answer lies where the process was started with; it belongs to the job's folder."""
        if answer.path:
            place = self.folder / "result"
            place.mkdir(parents=True, exist_ok=True)
            answer.path = str(shutil.move(answer.path, place / Path(answer.path).name))
        return answer


class Interruption:
    """What Ctrl-C and SIGTERM do to a job: the first asks it to stop, the second kills it."""

    def __init__(self, job: LocalJob, say: Callable[[str], None]):
        self.received = 0  # the first signal's number
        self._job = job
        self._say = say
        self._attempt: asyncio.Task[Outcome] | None = None

    @contextlib.contextmanager
    def watching(self, attempt: asyncio.Task[Outcome]) -> Generator[None]:
        """Take the signals while `attempt` runs."""
        self._attempt = attempt
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in STOPPING:
                loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        again = bool(self.received)
        self.received = self.received or number
        assert self._attempt is not None
        if again or not self._job.has_begun:  # code that is being loaded looks at no flag
            self._attempt.cancel()
            return
        self._say("asked to stop; once more kills it")
        self._job.cancel()


async def run_local(
    job: LocalJob, interruption: Interruption, begin: Callable[[Signature], None], load_timeout: float
) -> Outcome:
    """Run the job; `begin` is called with the signature once the model is loaded. Raises what it raises.

    It is killed if it has not loaded after so many seconds (0: any time).
    """
    attempt = asyncio.create_task(job.run())
    with interruption.watching(attempt):
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(
                [attempt, job.loaded], timeout=load_timeout or None, return_when=first
            )
            if not done:
                return Outcome(
                    state=State.FAILED,
                    status=500,
                    error=f"{job.claim.job.model}: it did not load within {load_timeout:g} s",
                    ended_by="load",
                )
            if job.loaded.done() and not attempt.done():
                begin(job.loaded.result())
            await asyncio.wait([attempt])
        finally:
            attempt.cancel()
            await asyncio.wait([attempt])
    if attempt.cancelled():
        return cancelled_as("SIGKILL")
    return attempt.result()


def _job(model: str, verb: VerbName) -> Job:
    """The record that a server would have stored."""
    now = time()
    return Job(
        number=1,
        id=uuid.uuid4().hex,
        kind=verb,
        model=model,
        model_version="",
        arguments={},
        call=b"",
        accept="",
        priority=0,
        state=State.RUNNING,
        attempt=1,
        max_attempts=1,
        token=1,
        owner="",
        cancel_requested=False,
        revision=1,
        requested_by="",
        idempotency_key=None,
        request_hash="",
        callback_url=None,
        created_at=now,
        started_at=now,
        finished_at=None,
        done=None,
        total=None,
        message="",
        last_event=0,
        outcome=None,
    )
