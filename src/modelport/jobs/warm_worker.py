"""A process that runs predictions that are jobs, one after the other or together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from modelport.contract.calls import Answer
from modelport.contract.current_job import LEFT
from modelport.engine.output import Lines
from modelport.engine.ports import Engine, JobWorker
from modelport.jobs.process import start
from modelport.jobs.warm_job import WarmJob
from modelport.storage import failpoints
from modelport.worker.frames import FrameError, JobOrder, Kind, Load, Report

log = logging.getLogger("modelport.jobs")


class WarmWorker:
    """One process. `freed` is called when it has no job any more, with how many it has made since.

    `output` takes what it prints while it has none.

    Once it `is_spent` it takes no further jobs, and is to be stopped.
    """

    def __init__(self, engine: Engine, load: Load, output: Lines, freed: Callable[[WarmWorker, int], None]):
        self.load = load
        self.jobs: list[WarmJob] = []
        self.is_spent = False
        self.unloading: asyncio.TimerHandle | None = None  # while it is idle
        self._output = output
        self._freed = freed
        self._is_ready = False
        self._made = 0  # of the jobs that it was given together
        self._to_stop = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._process = engine.launch_job(self, load, engine.spool.root)

    async def start(self) -> None:
        """Start the process for the jobs that it was given; what cannot be started they are told."""
        failpoints.reach("spawn.after")
        if self._to_stop.is_set():  # its jobs were withdrawn before the first step of this
            return
        try:
            await start(self._process, self.jobs[0].claim.job.id, self._to_stop)
        except (OSError, FrameError) as error:
            self.is_spent = True
            if self._process.is_gone:
                self.on_lost(self._process, str(error))
            else:
                self._fail_to_start(error)

    def _fail_to_start(self, error: Exception) -> None:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.fail_to_start(error)
        self._freed(self, 0)

    def run(self, jobs: Sequence[WarmJob]) -> None:
        """Run jobs of this model, several of them together."""
        if self.unloading is not None:
            self.unloading.cancel()
            self.unloading = None
        self.jobs = list(jobs)
        self._made = 0
        if self._is_ready:
            self._order()

    def _order(self) -> None:
        first, *others = self.jobs
        self._process.ask_to_stop(False)
        order = JobOrder(
            first.call,
            first.claim.job.id,
            first.claim.attempt,
            str(first.folder),
            stays=True,
            together=[job.call for job in others],
        )
        try:
            self._process.send(Kind.JOB, order)
        except FrameError as error:
            self._fail_to_start(error)
            return
        for job in self.jobs:
            job.begin(self._process, is_shared=bool(others))
        failpoints.reach("order.sent")

    def drop(self, job: WarmJob, why: str) -> None:
        """Run a job no more that has not begun. If it was the only one its model is not loaded further."""
        self.jobs.remove(job)
        if not self.jobs:
            self.kill(why)
            self._freed(self, 0)

    @property
    def waits(self) -> bool:
        """Whether its jobs wait for a process that has no place yet."""
        return bool(self.jobs) and not self._process.has_begun

    def hand_over(self) -> list[WarmJob]:
        """The jobs of a process that has no place yet, for another one: it will have none."""
        jobs, self.jobs = self.jobs, []
        self.kill("another one is free")
        return jobs

    def kill(self, why: str) -> None:
        """Kill the process and all that it has started; its jobs end when it has ended."""
        self.is_spent = True
        self._to_stop.set()
        self._process.kill(why)

    async def stop(self, *, at_once: bool = False) -> None:
        """End the process: asked first, killed if it does not go in time. Nothing of it is left after."""
        self.is_spent = True
        self._to_stop.set()
        if self.unloading is not None:
            self.unloading.cancel()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end("stopped", at_once=at_once))
        await asyncio.shield(self._ending)

    async def _end(self, reason: str, *, at_once: bool) -> None:
        await self._process.stop(at_once=at_once)
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.on_end(reason, is_gone=self._process.is_gone)
        self._freed(self, 0)

    # -- what the process tells --------------------------------------------------------------------

    def add(self, line: bytes) -> None:
        """A line that it printed: it is in the log of each job that it runs."""
        for job in self.jobs:
            job.add(line)
        if not self.jobs:
            self._output.add(line)

    def on_frame(self, worker: JobWorker, kind: int, message: Any) -> None:
        if kind == Kind.READY:
            self._is_ready = True
            if self.jobs:
                self._order()
        elif kind == Kind.REPORT:
            said: Report = message
            if said.type == LEFT:
                log.debug("a worker of %s ends: a job has left %s", self.load.name, said.data.get("what"))
                self.is_spent = True
            elif self.jobs:
                self.jobs[0].on_report(worker, said)
        elif kind == Kind.FAILED:
            for job in self.jobs:
                job.on_failed(message)
        elif kind == Kind.ANSWERS:
            worker.drain_output(to_end=True)
            self._on_answers(message)

    def _on_answers(self, answers: list[Answer]) -> None:
        found = {answer.id: answer for answer in answers}
        done = [job for job in self.jobs if job.call.id in found]
        self.jobs = [job for job in self.jobs if job.call.id not in found]
        self._made += len(done)
        for job in done:
            self._process.let_go(job.call.id)
            self.is_spent = self.is_spent or job.asked not in ("", "flag")
            job.on_answer(found[job.call.id])
        if done and not self.jobs:
            self._process.go_on()
            self._freed(self, self._made)

    def on_lost(self, worker: JobWorker, reason: str) -> None:
        """It has ended. Its jobs are told when what it has printed is read, and what it started is gone."""
        self.is_spent = True
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(reason, at_once=True))
