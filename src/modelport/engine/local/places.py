"""Places on this machine: a process for each worker, or a thread of the server."""

from __future__ import annotations

from pathlib import Path

from modelport.engine.local.process import JOB_NICE, LocalProcess
from modelport.engine.local.thread import InThread
from modelport.engine.output import Lines
from modelport.engine.placing import placed
from modelport.engine.worker_place import WorkerPlace
from modelport.settings import Settings
from modelport.worker.body_slots import BodySlots
from modelport.worker.frames import Load


class LocalPlaces:
    """Places every worker on this machine; their temporary files go below `temp`."""

    trouble = ""
    ends_with_server = True

    def __init__(self, temp: Path):
        self._temp = temp

    async def open(self) -> None:
        """Nothing has to be begun."""

    def fitted(self, load: Load, settings: Settings, number: int, *, of_jobs: bool = False) -> Load:
        """What the worker of this number is to load: see `placed`."""
        return placed(load, settings, number, of_jobs=of_jobs)

    def place(self, load: Load, output: Lines, settings: Settings, slots: BodySlots) -> WorkerPlace:
        """A process, or a thread for a model that has `workers = 0`."""
        if settings.workers == 0:
            return InThread(f"modelport {load.name}")
        return LocalProcess(output, self._temp, load.variables, slots=slots)

    def place_of_job(self, load: Load, output: Lines, temp: Path, settings: Settings) -> WorkerPlace:
        """A process, whatever workers are."""
        return LocalProcess(output, temp, load.variables, nice=JOB_NICE)

    async def close(self) -> None:
        """Nothing is held."""
