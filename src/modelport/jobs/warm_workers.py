"""Workers for the predictions that are jobs: never those of requests, and never more than there are slots.

A worker keeps its model loaded and takes the next job, if the one before has left nothing that goes on. It
ends when no job has come for `IDLE_SECONDS`, when a job wants another version, and with the server.

Where many come that take milliseconds, to claim each once its worker is free would take longer than they do.
So as many as were made in the last `AHEAD_SECONDS` may be claimed *ahead*, before a worker is free, if those
were not few. What has waited here for `GIVE_BACK_SECONDS` is given back: it waits in the database again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from modelport.engine.ports import Engine
from modelport.jobs.room import Place
from modelport.jobs.warm_job import WarmJob
from modelport.jobs.warm_worker import WarmWorker
from modelport.worker.frames import Load

log = logging.getLogger("modelport.jobs")

IDLE_SECONDS = 60.0
AHEAD_SECONDS = 0.1
MANY = 4  # made in such a time; from fewer nothing follows
MOST_AHEAD = 64
GIVE_BACK_SECONDS = 0.25
TOGETHER_BYTES = 16 << 20  # of the calls that are run together


class ModelWorkers:
    """The workers of one model. `wake` is called when one of its slots is free for others."""

    def __init__(self, name: str, engine: Engine, wake: Callable[[], None]):
        self.slots = 0
        self._name = name
        self._engine = engine
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._workers: list[WarmWorker] = []
        self._expected = 0  # jobs that were claimed and are not here yet
        self._waiting: deque[tuple[float, WarmJob]] = deque()
        self._made: deque[float] = deque()  # when the last jobs were made
        self._is_due = False
        self._looking: asyncio.TimerHandle | None = None  # for those that wait for too long
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ahead(self) -> int:
        """How many jobs more may be claimed before a worker is free for them."""
        since = self._loop.time() - AHEAD_SECONDS
        while self._made and self._made[0] < since:
            self._made.popleft()
        if len(self._made) < MANY:
            return 0
        return max(min(len(self._made), MOST_AHEAD) - len(self._waiting) - self._expected, 0)

    @property
    def together(self) -> int:
        """How many jobs the model takes at once."""
        signature = self._engine.pools[self._name].signature
        return 1 if signature is None else max(signature.predict.max_batch_size, 1)

    # -- jobs --------------------------------------------------------------------------------------

    def expect(self, place: Place) -> None:
        """A job was claimed, and will be added or missed."""
        self._expected += 1
        self.slots += place is Place.SLOT

    def miss(self) -> None:
        """A job that was expected does not come."""
        self._expected -= 1
        self._dispatch_soon()

    def add(self, job: WarmJob) -> None:
        """Have a job run by the next worker that is free for it."""
        self._expected -= 1
        self._waiting.append((self._loop.time(), job))
        self._dispatch_soon()

    def withdraw(self, job: WarmJob, why: str) -> bool:
        """Run a job no more; false if its worker has to be killed for that, which ends the job later."""
        for worker in self._workers:
            if job in worker.jobs and job.has_begun:
                worker.kill(why)
                return False
            if job in worker.jobs:
                worker.drop(job, why)
                break
        self._waiting = deque(one for one in self._waiting if one[1] is not job)
        self._dispatch_soon()
        return True

    # -- workers -----------------------------------------------------------------------------------

    def _dispatch_soon(self) -> None:
        """Look once for all that comes in this turn of the loop: it may be run together."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._is_due = False
        busy = sum(bool(worker.jobs) for worker in self._workers)
        while self._waiting and busy < self.slots:
            jobs = self._next()
            try:
                self._worker_for(jobs[0].load).run(jobs)
                busy += 1
            except ValueError as error:  # a device that there is not, for one
                for job in jobs:
                    job.fail_to_start(error)
        if self._waiting and self._looking is None:
            self._looking = self._loop.call_later(GIVE_BACK_SECONDS, self._give_back)
        if not self._waiting and not self._expected and busy < self.slots:
            self.slots = busy
            self._wake()

    def _next(self) -> list[WarmJob]:
        """The jobs for the next worker: the first that waits, and those that can be run together with it."""
        _, first = self._waiting.popleft()
        together, size = [first], len(first.call.body)
        if first.is_alone or self.together == 1:
            return together
        others: deque[tuple[float, WarmJob]] = deque()
        for since, job in self._waiting:
            fits = len(together) < self.together and size + len(job.call.body) <= TOGETHER_BYTES
            if fits and not job.is_alone and job.load == first.load:
                together.append(job)
                size += len(job.call.body)
            else:
                others.append((since, job))
        self._waiting = others
        return together

    def _worker_for(self, load: Load) -> WarmWorker:
        idle = [worker for worker in self._workers if not worker.jobs and not worker.is_spent]
        for worker in idle:
            if worker.load == load:
                return worker
        if idle:  # of another version: one goes for each that comes
            self._let_go(idle[0])
        output = self._engine.pools[self._name].output
        worker = WarmWorker(self._engine, load, output, self._on_freed)
        self._workers.append(worker)
        self._own(worker.start())
        return worker

    def _on_freed(self, worker: WarmWorker, made: int) -> None:
        self._made.extend([self._loop.time()] * min(made, MOST_AHEAD))
        waiting = next((one for one in self._workers if one.waits and one.load == worker.load), None)
        if worker.is_spent:
            self._let_go(worker)
        elif waiting is not None:  # perhaps for the place that this one has
            worker.run(waiting.hand_over())
            self._let_go(waiting)
        elif worker.unloading is None:
            worker.unloading = self._loop.call_later(IDLE_SECONDS, self._let_go, worker)
        self._dispatch_soon()

    def _let_go(self, worker: WarmWorker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            self._own(worker.stop())

    def _give_back(self) -> None:
        self._looking = None
        since = self._loop.time() - GIVE_BACK_SECONDS
        while self._waiting and self._waiting[0][0] <= since:
            self._waiting.popleft()[1].give_back()
        self._dispatch_soon()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("jobs of %s: a worker was not looked after", self._name, exc_info=task.exception())

    def rest(self) -> None:
        """End the workers that have no job: the model is not to be loaded."""
        for worker in [worker for worker in self._workers if not worker.jobs]:
            self._let_go(worker)

    async def stop(self) -> None:
        """End every worker; what they run ends with them."""
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.stop() for worker in workers))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._looking is not None:
            self._looking.cancel()


class WarmWorkers:
    """The workers of every model whose predictions were jobs."""

    def __init__(self, engine: Engine, wake: Callable[[], None]):
        self._engine = engine
        self._wake = wake
        self._models: dict[str, ModelWorkers] = {}

    def of(self, name: str) -> ModelWorkers:
        """Those of a model. It has none until it has jobs."""
        if name not in self._models:
            self._models[name] = ModelWorkers(name, self._engine, self._wake)
        return self._models[name]

    async def stop(self) -> None:
        """End every worker."""
        models, self._models = self._models, {}
        await asyncio.gather(*(workers.stop() for workers in models.values()))
