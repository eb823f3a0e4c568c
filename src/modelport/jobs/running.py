"""One claimed job while it runs: what runs it, and what that says on the way to the store.

Every write carries the token of the claim; a write that the store refuses means that somebody else has
the job now, and the process is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from modelport.jobs.attempt import not_started
from modelport.jobs.attempts import Attempts
from modelport.jobs.checkpoints import Checkpoints
from modelport.jobs.records import Claim, NewEvent, Outcome
from modelport.jobs.room import Place
from modelport.jobs.spans import AttemptSpan
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.jobs.warm_job import WarmJob
from modelport.storage import failpoints
from modelport.storage.errors import NO_ANSWER, StoreError, StoreFull, StoreUnavailable

log = logging.getLogger("modelport.jobs")

FLUSH_SECONDS = 0.25  # at least from one write to the next: what comes together is written together
SOON_SECONDS = 0.1  # after quiet
FLUSH_EVENTS = 1000  # at most: others want to write, too
MAX_WAITING_BYTES = 64 << 20  # a job that prints faster than the disk writes loses lines, and is told so
MAX_REPORT_BYTES = 4 << 20  # one that reports faster waits: metrics and artifacts are never lost
EVENT_BYTES = 300  # what an event costs beside its text
STOP_SECONDS = 5.0
OWN_WORDS_SECONDS = 2.0  # for a job on a full disk, which mostly fails of that itself and says at what
SERVER_STOP = Outcome(
    state=State.INTERRUPTED, status=503, error="the server was stopped", ended_by="server stop"
)
T = TypeVar("T")


class Running:
    """Runs one attempt. `run` it once, as a task; cancelling that gives the job back to the store."""

    def __init__(self, store: JobStore, attempts: Attempts, claim: Claim, place: Place):
        self.store = store
        self.claim = claim
        self._span = AttemptSpan(attempts.spans, claim)
        self._checkpoints = Checkpoints(store, attempts.shared, claim)
        self._attempts = attempts
        self.process = attempts.make(claim, place, self._hear)
        self._waiting: deque[NewEvent] = deque()
        self._waiting_bytes = 0
        self._report_bytes = 0  # of those, what is no log
        self._dropped = 0
        self._last = claim.job.last_event
        self._said = asyncio.Event()
        self._ended = asyncio.Event()
        self._attempt: asyncio.Task[Outcome] | None = None
        self._writer: asyncio.Task[bool] | None = None  # once there is something to write
        self._full = ""
        self._fenced = False
        self._stopped = False  # by a server that had no time to ask

    @property
    def has_slot(self) -> bool:
        """True if it takes a slot for itself, and not one of the warm workers of its model."""
        return not isinstance(self.process, WarmJob)

    @property
    def has_ended(self) -> bool:
        """True once its code has: what is left is to write down how, which may just have been done."""
        return self._ended.is_set()

    def _hear(self, event: NewEvent) -> None:
        if self._full:
            return
        if self._waiting_bytes >= MAX_WAITING_BYTES and event.type == "log":
            self._dropped += 1
            return
        self._tell_dropped()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_as_it_comes())
        self._waiting.append(event)
        self._waiting_bytes += _size(event)
        self._said.set()
        if event.type != "log":
            self._report_bytes += _size(event)
            if self._report_bytes >= MAX_REPORT_BYTES:
                self.process.hold_back()

    def _tell_dropped(self) -> None:
        """Say in the log, where they would stand, how many lines are missing."""
        if self._dropped:
            line = f"[{self._dropped} lines came faster than they could be stored and are missing here]"
            self._waiting.append(NewEvent(type="log", data={"line": line}))
            self._waiting_bytes += _size(self._waiting[-1])
            self._dropped = 0

    def abandon(self, why: str) -> None:
        """Kill the process: the job is not ours any longer, or cannot go on."""
        log.warning("job %s is given up: %s", self.claim.job.id, why)
        self.kill()

    def fence(self) -> None:
        """Kill the process: its lease cannot be renewed, and another server may have the job soon."""
        if not self._fenced:
            self._fenced = True
            self.abandon("its lease cannot be renewed, and another server may take it soon")

    async def over(self) -> None:
        """Wait until its code has ended, which is killed if it runs: that has its deadlines."""
        if not self.has_ended:
            self.abandon("it was taken from here, and is begun again here")
        await self._ended.wait()

    async def run(self) -> None:
        """Run the attempt to its end and write down how it ended."""
        job = self.claim.job
        log.info("job %s (%s of %s) begins, attempt %d", job.id, job.kind, job.model, self.claim.attempt)
        begun = monotonic()
        self.store.tally.began(self.claim)
        self._attempt = asyncio.create_task(self._run())
        if job.cancel_requested:
            self.process.cancel()
        try:
            await asyncio.wait([self._attempt])
            self._ended.set()
            self._said.set()
            if self._writer is not None:
                await asyncio.wait([self._writer])  # which is not cancelled with us: it has still to write
            took = monotonic() - begun
            if await self._is_ours():
                outcome = self._outcome(self._attempt)
                self._span.over(outcome)
                await self._finish(outcome, took)
        except asyncio.CancelledError:
            await self._give_back()
            raise

    async def _run(self) -> Outcome:
        with self._attempts.shared.held(self._attempts.uses(self.claim)):
            return await self._run_here()

    async def _run_here(self) -> Outcome:
        try:
            await self._until_reachable(lambda: self._attempts.bring(self.claim))
            await self._until_reachable(self._checkpoints.bring)
        except OSError as error:  # of this disk
            return not_started(error)
        async with self._checkpoints.followed():
            return await self.process.run()

    async def _is_ours(self) -> bool:
        """Whether all that was said could be written."""
        return self._writer is None or await self._writer

    def _outcome(self, attempt: asyncio.Task[Outcome]) -> Outcome:
        if self._full and not self._failed_by_itself(attempt):
            return Outcome(state=State.FAILED, status=507, error=self._full, ended_by="disk full")
        if self._fenced and attempt.cancelled():
            lost = "the server that ran it could not reach the database"
            return Outcome(state=State.INTERRUPTED, status=503, error=lost, ended_by="lost")
        if self._stopped and attempt.cancelled():
            return SERVER_STOP
        error = asyncio.CancelledError() if attempt.cancelled() else attempt.exception()
        if error is not None:
            log.error("job %s: running it failed", self.claim.job.id, exc_info=error)
            return Outcome(
                state=State.FAILED, status=500, error="the server failed to run it", ended_by="bug"
            )
        return attempt.result()

    def _failed_by_itself(self, attempt: asyncio.Task[Outcome]) -> bool:
        return not attempt.cancelled() and not attempt.exception() and attempt.result().state is State.FAILED

    def kill(self) -> None:
        """Kill the process now."""
        if self._attempt is not None:
            self._attempt.cancel()

    def stop_at_once(self) -> None:
        """Kill the process: the server stops, and does not ask any longer."""
        self._stopped = True
        self.kill()

    async def _give_back(self) -> None:
        """The server stops: end the process and say so, that the next server need not wait for the lease."""
        assert self._attempt is not None
        if self._attempt.done():  # what is left is to write how it ended, perhaps once more
            outcome = self._outcome(self._attempt)
        else:
            outcome = await self._stop(self._attempt)
        self._span.over(outcome)
        self._ended.set()
        self._said.set()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                if await self._is_ours():
                    await self._return(outcome)
        except (StoreError, TimeoutError) as error:
            log.warning("job %s could not be given back: %s", self.claim.job.id, str(error) or NO_ANSWER)

    async def _stop(self, attempt: asyncio.Task[Outcome]) -> Outcome:
        """End the process; returns how the attempt ends by that."""
        if self.process.has_begun:
            self.process.cancel()
        else:
            attempt.cancel()
        try:
            await asyncio.wait([attempt])
        finally:
            attempt.cancel()
        if not attempt.cancelled() and attempt.exception() is None:
            ended = attempt.result()
            if ended.state in (State.SUCCEEDED, State.FAILED):  # it was faster than the question
                return ended
        return SERVER_STOP

    async def _return(self, outcome: Outcome) -> None:
        job_id, token = self.claim.job.id, self.claim.token
        if outcome.state is not State.INTERRUPTED:
            outcome = await self._attempts.keep(self.claim, outcome)
            await self.store.finish(job_id, token, outcome)
        elif self.process.has_begun:
            await self._checkpoints.share_last()
            await self.store.stop(job_id, token, outcome)
        else:
            await self.store.unclaim(job_id, token)

    async def _write_as_it_comes(self) -> bool:
        """Write events until the attempt has ended. False if the job is not ours any longer."""
        try:
            return await self._write_events()
        except Exception:  # a bug: this job fails of it, the others go on
            log.exception("job %s: its events cannot be written", self.claim.job.id)
            self.abandon("its events cannot be written")
            return True

    async def _write_events(self) -> bool:
        written = -FLUSH_SECONDS
        while True:
            await self._said.wait()
            self._said.clear()
            if len(self._waiting) < FLUSH_EVENTS:
                await self._gather(written + FLUSH_SECONDS - monotonic())
            written = monotonic()
            if not await self._flush():
                self.abandon("another server has taken it")
                return False
            if self._waiting or self._dropped:
                self._said.set()
            elif self._ended.is_set():
                return True

    async def _gather(self, seconds: float) -> None:
        """Let more come, for so long or a moment; the end of the attempt ends that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, SOON_SECONDS)):
                await self._ended.wait()

    async def _flush(self) -> bool:
        if self._ended.is_set():
            self._tell_dropped()
        waiting = [self._waiting.popleft() for _ in range(min(len(self._waiting), FLUSH_EVENTS))]
        self._waiting_bytes -= sum(map(_size, waiting))
        self._report_bytes -= sum(_size(event) for event in waiting if event.type != "log")
        if not waiting or self._full:
            return True
        try:
            last = await self._until_reachable(
                lambda: self.store.append(self.claim.job.id, self.claim.token, waiting, after=self._last)
            )
        except StoreFull as error:  # what is set aside is kept for the outcome
            self._full = str(error)
            log.warning("job %s is given up: %s", self.claim.job.id, self._full)
            self.process.go_on()
            if not await self.process.wait_over(OWN_WORDS_SECONDS):
                self.kill()
            return True
        if last is None:
            return False
        self._last = last
        if self._report_bytes < MAX_REPORT_BYTES:
            self.process.go_on()
        return True

    async def _finish(self, ended: Outcome, seconds: float) -> None:
        job_id, token = self.claim.job.id, self.claim.token
        if self.process.was_given_back:
            await self._until_reachable(lambda: self.store.unclaim(job_id, token))
            return
        is_prediction = self.claim.job.kind == "predict"
        outcome = await self._until_reachable(lambda: self._attempts.keep(self.claim, ended))
        while True:
            try:
                job = await self._until_reachable(
                    lambda: self.store.finish(job_id, token, outcome, is_prediction=is_prediction)
                )
                break
            except StoreFull as error:  # its outcome is small: it fits as soon as anything is freed
                if await asyncio.to_thread(self._attempts.folders.release_reserve):
                    continue
                log.error("job %s: its outcome cannot be written yet: %s", job_id, error)
                await asyncio.sleep(1.0)
        if job is None:
            log.warning("job %s had been taken by another server; its outcome is dropped", job_id)
            return
        self.store.tally.end(self.claim, outcome.state, seconds)
        failpoints.reach("end.stored")
        await self._attempts.tidied.do(job)
        await self._checkpoints.drop(job.state)
        log.info("job %s: %s after attempt %d (%s)", job_id, job.state, job.attempt, outcome.ended_by)

    async def _until_reachable(self, act: Callable[[], Awaitable[T]]) -> T:
        """Try again while the database cannot be reached: a lease that ends meanwhile ends the job."""
        delay = 0.1
        while True:
            try:
                return await act()
            except StoreUnavailable as error:
                log.warning("job %s: %s; trying again", self.claim.job.id, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)


def _size(event: NewEvent) -> int:
    return EVENT_BYTES + sum(len(value) for value in event.data.values() if isinstance(value, str))
