"""What runs an attempt of a job, by the kind of the job, and what is left to do when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from modelport.contract.calls import packed, unpacked
from modelport.engine.ports import Engine, PoolState
from modelport.jobs.checkpoints import has_checkpoints
from modelport.jobs.gathering import Gathering
from modelport.jobs.in_pool import PoolAttempt, runs_in_pool
from modelport.jobs.process import JobProcess, StartFrom
from modelport.jobs.records import Claim, Job, NewEvent, Outcome
from modelport.jobs.room import Place
from modelport.jobs.shared_files import CHECKPOINTS, INPUTS, KEPT, SharedFiles
from modelport.jobs.spans import call_of
from modelport.jobs.states import TERMINAL, State
from modelport.jobs.warm_job import WarmJob
from modelport.jobs.warm_workers import WarmWorkers
from modelport.storage import failpoints

Attempt: TypeAlias = JobProcess | PoolAttempt | WarmJob
TIDIED = 256  # jobs that have ended, at once


class Attempts:
    """Makes them. `warm` are the workers of predictions."""

    def __init__(self, engine: Engine, shared: SharedFiles, cancel_grace: float, wake: Callable[[], None]):
        self.shared = shared
        self.folders = shared.folders
        self.warm = WarmWorkers(engine, wake)
        self.tidied = Gathering(self._tidy, TIDIED)
        self.spans = engine.spans
        self._engine = engine
        self._grace = cancel_grace

    def make(self, claim: Claim, place: Place, report: Callable[[NewEvent], None]) -> Attempt:
        """What runs a job that was claimed; `report` is told what it says."""
        engine, job = self._engine, claim.job
        if self.shared.are_on:
            job.call = self._on_this_disk(job.call)
        folder = self.folders.of(job.id)
        if runs_in_pool(claim) and engine.pools[job.model].state is not PoolState.FAILED:
            return PoolAttempt(engine, claim, folder)
        if job.kind == "predict":
            attempt = WarmJob(engine, self.warm.of(job.model), claim, place, folder, report)
        else:
            call = call_of(claim)
            verb = "predict" if job.kind == "batch" else job.kind
            load = engine.job_load(job.model, verb, call.saved)
            start_from = StartFrom(engine.launch_job, load, engine.spool.root)
            attempt = JobProcess(start_from, claim, folder, report, self._grace)
        attempt.hide_model_errors = engine.settings.hide_model_errors
        return attempt

    def _on_this_disk(self, packed_call: bytes) -> bytes:
        """A call whose files lie where this server has them: another one may have taken it."""
        call, here = unpacked(packed_call), self.folders.here
        for upload in call.uploads:
            upload.path = here(upload.path)
        call.body_path = here(call.body_path) if call.body_path else ""
        call.saved = here(call.saved) if call.saved else call.saved
        return packed(call)

    def uses(self, claim: Claim) -> list[str]:
        """The jobs whose files an attempt needs on this disk until it has ended."""
        if not self.shared.are_on:
            return []
        saved = unpacked(claim.job.call).saved
        of_version = self.folders.job_of(saved) if saved else None
        return [claim.job.id, of_version[0]] if of_version is not None else [claim.job.id]

    async def bring(self, claim: Claim) -> None:
        """Have on this disk what a job was given. Raises `StoreError`s and `OSError`."""
        if not self.shared.are_on:
            return
        call = unpacked(claim.job.call)
        if call.body_path or call.uploads:
            await self.shared.bring(claim.job.id, INPUTS)
        saved = self.folders.job_of(call.saved) if call.saved else None
        if saved is not None:
            await self.shared.bring(*saved)

    async def keep(self, claim: Claim, outcome: Outcome) -> Outcome:
        """The outcome, once other servers can have what the job has left. Raises `StoreError`s."""
        if not self.shared.are_on:
            return outcome
        more = (INPUTS, CHECKPOINTS) if has_checkpoints(claim) else (INPUTS,)
        parts = KEPT if outcome.state in TERMINAL else (*KEPT, *more)
        try:
            return replace(outcome, files=await self.shared.keep(claim.job.id, parts))
        except OSError as error:
            said = f"what it has left could not be kept: {error.strerror or error}"
            return Outcome(state=State.FAILED, status=507, error=said, ended_by="disk")

    async def _tidy(self, ended: Sequence[Job]) -> Sequence[None]:
        """Remove what jobs were given that will not run again, and set room aside for how others end."""

        def tidy() -> None:
            self.folders.keep_reserve()
            for job in ended:
                if job.state in TERMINAL:
                    self.folders.drop_inputs(job.id)

        await asyncio.to_thread(tidy)
        failpoints.reach("inputs.removed")
        return [None] * len(ended)
