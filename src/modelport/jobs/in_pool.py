"""One attempt of a job that is a prediction like any other: by the model's own workers, which are warm."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.engine.local import LocalEngine
from modelport.engine.pending import Pending
from modelport.engine.pool import ModelPool, Refused
from modelport.jobs.folders import sync_tree
from modelport.jobs.records import Claim, Outcome
from modelport.jobs.states import State

CLIENT_CLOSED = 499
DIALECT = "mlup"  # whose long predictions are answered in the order in which they come, by the same workers


def runs_in_pool(claim: Claim) -> bool:
    """True for jobs that need no process of their own."""
    return claim.job.kind == "predict" and call_of(claim).dialect == DIALECT


def call_of(claim: Claim) -> Call:
    """The call that a job consists of."""
    return msgspec.msgpack.decode(claim.job.call, type=Call)


class PoolAttempt:
    """Has a claimed prediction made once. It takes the place of a `JobProcess`."""

    def __init__(self, engine: LocalEngine, claim: Claim, folder: Path):
        self.claim = claim
        self.folder = folder
        self.has_begun = False  # the workers have it
        self._engine = engine
        self._pool: ModelPool = engine.pools[claim.job.model]
        self._pending: Pending | None = None
        self._asked = False

    async def run(self) -> Outcome:
        """The outcome. Cancelling the task gives the prediction up."""
        await self._pool.settled.wait()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def deliver(pending: Pending, answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        call = msgspec.structs.replace(call_of(self.claim), id=self._engine.next_id())
        if self._asked:
            return self._cancelled()
        try:
            self._pending = self._pool.submit(call, deliver)
            self.has_begun = True
        except Refused as refused:
            return self._interrupted(refused.detail)
        try:
            return await self._outcome(await future)
        finally:
            if not future.done():
                self._pool.cancel(self._pending)

    def cancel(self) -> None:
        """Ask the prediction to stop."""
        self._asked = True
        if self._pending is not None:
            self._pool.cancel(self._pending)

    def hold_back(self) -> None:
        """Nothing is reported on the way, so there is nothing to hold back."""

    def go_on(self) -> None:
        """See `hold_back`."""

    async def _outcome(self, answer: Answer) -> Outcome:
        if answer.status == CLIENT_CLOSED:
            return self._cancelled()
        if answer.status == 503 and answer.problem:
            return self._interrupted(answer.detail)
        if answer.status >= 400:
            return Outcome(
                state=State.FAILED,
                status=answer.status,
                reason=answer.reason,
                headers=answer.headers,
                result=answer.body,
                result_type=answer.content_type if answer.body else "",
                error=answer.detail or f"status {answer.status}",
                ended_by="exception",
            )
        file = ""
        if answer.path:
            file = await asyncio.to_thread(self._kept, answer)
        return Outcome(
            state=State.SUCCEEDED, result=answer.body, result_file=file, result_type=answer.content_type
        )

    def _kept(self, answer: Answer) -> str:
        """Move a large answer to the job's folder; returns where it is there."""
        place = self.folder / "result"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        moved = place / Path(answer.path).name
        shutil.move(answer.path, moved)
        sync_tree(place)
        self._engine.spool.remove(self._engine.spool.folder_of(answer.id))
        return str(moved.relative_to(self.folder))

    def _cancelled(self) -> Outcome:
        return Outcome(state=State.CANCELLED, status=499, error="cancelled", ended_by="cancelled")

    def _interrupted(self, why: str) -> Outcome:
        again = self.claim.attempt < self.claim.job.max_attempts
        state = State.INTERRUPTED if again else State.FAILED
        return Outcome(state=state, status=503, error=why, ended_by="server stop")
