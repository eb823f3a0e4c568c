"""What a model asks for by itself, and that its processes have it.

How many workers it wants, and how long its calls may take, can be known any time. Devices, threads and
variables must be there before a process begins. So a process says what its model asks for as soon as the code
is imported, and waits; if it was started with something else, another takes its place. What only shows once
the model is there (an object that was made when its module was imported) costs a second load, once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from modelport.contract.signature import Signature
from modelport.engine.local.crew import Crew
from modelport.engine.local.worker_process import Worker
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.worker.frames import Kind

log = logging.getLogger("modelport.engine")


OF_PROCESSES = ("devices", "threads", "environment")
TAKES = {
    "max_batch_size": "the model takes no batches",
    "max_concurrency": "the model takes batches, one at a time",
}


class Owner(Protocol):
    """The pool of the model."""

    name: str
    settings: Settings

    def use(self, settings: Settings) -> None: ...


class ModelAsks:
    """Takes what a model asks for, where nobody has said otherwise."""

    def __init__(self, pool: Owner, crew: Crew):
        self._pool = pool
        self._crew = crew
        self._started_anew = False  # although the model had been loaded

    def on_settings(self, worker: Worker, asked: Mapping[str, Any]) -> None:
        """A process asks before it makes the model: it goes on, or another is started."""
        if not self._replaced(worker, asked):
            worker.send(Kind.GO_ON, None)

    def keeps(self, worker: Worker, signature: Signature) -> bool:
        """Whether a worker that is ready can stay; if not, another one is on its way."""
        if not self._started_anew and self._replaced(worker, signature.settings):
            self._started_anew = True
            return False
        self._warn_of_thread(worker)
        own = self._pool.settings.models.get(self._pool.name, {})
        for name, takes in TAKES.items():
            if name in own and own[name].value not in (0, 1) and getattr(signature.predict, name) == 1:
                log.warning("%s: %s: it means nothing: %s", self._pool.name, own[name].where, takes)
        return True

    def _warn_of_thread(self, worker: Worker) -> None:
        asked = [name for name in OF_PROCESSES if name in self._pool.settings.written]
        if asked and not worker.place.has_own_process:
            names = ", ".join(asked)
            log.warning(
                "%s: without a process of its own (workers = 0) these mean nothing: %s",
                self._pool.name,
                names,
            )

    def _replaced(self, worker: Worker, asked: Mapping[str, Any]) -> bool:
        """Whether a worker cannot stay: it was started without what the model asks for."""
        before = self._pool.settings
        settings = before.asked_by(asked)
        new = [name for name in asked if getattr(before, name) != getattr(settings, name)]
        if new:
            log.info("%s: it has settings of its own: %s", self._pool.name, ", ".join(new))
            self._pool.use(settings)
        try:
            if not worker.place.has_own_process or self._crew.fits(worker):
                return False
        except SettingsError as error:  # a device that there is not
            worker.kill(str(error))
            return True
        log.info("%s: its process is started anew, with what the model asks for", self._pool.name)
        self._crew.let_go(worker)  # first, for its place
        self._crew.spawn()
        return True
