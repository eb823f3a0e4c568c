"""One attempt of a job that is a prediction like any other: by the model's own workers, which are warm."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from modelport.contract.calls import GIVEN_UP, HIDDEN, Answer
from modelport.contract.traces import below
from modelport.engine.asking import ask
from modelport.engine.pending import BEFORE_IT_RAN, Pending
from modelport.engine.ports import Engine, Pool, PoolState, Refused
from modelport.jobs.attempt import refused
from modelport.jobs.folders import keep_result
from modelport.jobs.records import Claim, Outcome, cancelled_as
from modelport.jobs.spans import call_of
from modelport.jobs.states import State

log = logging.getLogger("modelport.jobs")

ROOM_SECONDS = 0.2  # from one look at a full queue to the next
LET_GO_SECONDS = 2.0  # after the grace, for the end of a worker that was killed


def runs_in_pool(claim: Claim) -> bool:
    """True for jobs that need no process of their own: predictions that are kept for a while only.

    Their clients wait for them. They are made in the order in which they come, as those at once are.
    """
    return claim.job.kind == "predict" and claim.job.keep_seconds is not None


class PoolAttempt:
    """Has a claimed prediction made once. It takes the place of a `JobProcess`."""

    def __init__(self, engine: Engine, claim: Claim, folder: Path):
        self.claim = claim
        self.folder = folder
        self.has_begun = False  # the workers have it
        self.was_given_back = False  # as of a `WarmJob`; here it never is
        self._engine = engine
        self._pool: Pool = engine.pools[claim.job.model]
        self._pending: Pending | None = None
        self._to_stop = asyncio.Event()

    async def run(self) -> Outcome:
        """The outcome. Cancelling the task gives the prediction up."""
        await self._pool.settled.wait()
        let_go: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_let_go(how: str) -> None:
            if not let_go.done():
                let_go.set_result(how)

        def begun(pending: Pending) -> None:
            self._pending = pending
            pending.on_let_go = on_let_go
            self.has_begun = True

        try:
            return await self._asked(begun, let_go)
        finally:
            if self._pending is not None:
                self._pending.on_let_go = None

    async def _asked(self, begun: Callable[[Pending], None], let_go: asyncio.Future[str]) -> Outcome:
        """Give the call to the workers, once they have room, and wait for what becomes of it."""
        call = msgspec.structs.replace(
            call_of(self.claim), id=self._engine.next_id(), trace=below(self.claim.trace)
        )
        while not self._to_stop.is_set():
            # Another version may have become live, and this pool may be gone for good.
            self._pool = self._engine.pools[self.claim.job.model]
            try:
                pending, answer = await ask(self._pool, call, begun=begun)
            except Refused as refused:
                if self._pool.state is PoolState.FAILED:  # the next attempt has a worker for jobs
                    return self._interrupted(refused.detail)
            else:
                is_cancelled = answer.status == GIVEN_UP
                return await (self._cancelled(let_go) if is_cancelled else self._outcome(pending, answer))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_SECONDS):
                    await self._to_stop.wait()
        return cancelled_as(BEFORE_IT_RAN)

    def cancel(self) -> None:
        """Ask the prediction to stop; a worker that does not let go of it in time is killed."""
        if not self._to_stop.is_set():
            self._to_stop.set()
            if self._pending is not None:
                self._pool.cancel(self._pending)

    async def wait_over(self, seconds: float) -> bool:
        """Never waits: nothing is reported on the way that a full disk could refuse."""
        return False

    def hold_back(self) -> None:
        """Nothing is reported on the way, so there is nothing to hold back."""

    def go_on(self) -> None:
        """See `hold_back`."""

    async def _cancelled(self, let_go: asyncio.Future[str]) -> Outcome:
        """The outcome once no worker has the call, or it waits behind others for longer than it may."""
        try:
            async with asyncio.timeout(self._engine.settings.kill_grace + LET_GO_SECONDS):
                return cancelled_as(await let_go)
        except TimeoutError:
            return cancelled_as("given up")

    async def _outcome(self, pending: Pending, answer: Answer) -> Outcome:
        if pending.lost:
            return self._crashed(pending.lost)
        if answer.status == 503 and answer.problem:
            return self._interrupted(answer.detail)
        if answer.status >= 400:
            return self._failed(answer)
        file = await asyncio.to_thread(self._kept, answer) if answer.path else ""
        return Outcome(
            state=State.SUCCEEDED, result=answer.body, result_file=file, result_type=answer.content_type
        )

    def _failed(self, answer: Answer) -> Outcome:
        error = answer.detail or f"status {answer.status}"
        if answer.failure:
            log.error("job %s failed: %s\n%s", self.claim.job.id, error, answer.failure)
        if answer.problem and answer.status == 500 and self._engine.settings.hide_model_errors:
            error = HIDDEN
        return refused(answer, error, answer.reason)

    def _kept(self, answer: Answer) -> str:
        """Move a large answer to the job's folder; returns where it is there."""
        kept = keep_result(self.folder, Path(answer.path))
        self._engine.spool.remove(self._engine.spool.folder_of(answer.id))
        return kept

    def _crashed(self, how: str) -> Outcome:
        """Its worker ended while it ran the prediction: that is tried again while it may be."""
        again = self.claim.attempt < self.claim.job.max_attempts
        return Outcome(
            state=State.INTERRUPTED if again else State.FAILED,
            status=500,
            error=f"its worker ended: {how}",
            ended_by=f"crash, {how}",
        )

    def _interrupted(self, why: str) -> Outcome:
        return Outcome(state=State.INTERRUPTED, status=503, error=why, ended_by="server stop")
