"""A bar for a job that is waited for: in a notebook by tqdm, in a terminal by rich."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from modelport.client.records import JobRecord

ShowProgress = bool | Callable[[JobRecord], object]


class Bar(Protocol):
    """What shows how far a job is."""

    def show(self, job: JobRecord) -> None: ...
    def close(self) -> None: ...


def bar_for(progress: ShowProgress) -> Bar:
    """The bar that was asked for: the caller's own function, the best there is, or none."""
    if callable(progress):
        return OwnFunction(progress)
    if progress and find_spec("tqdm") is not None:
        return TqdmBar()
    if progress and sys.stderr.isatty():
        return RichBar()
    return NoBar()


def text_of(job: JobRecord) -> str:
    """The words beside the bar."""
    said = job.progress.message if job.progress is not None else ""
    return f"{job.model} {job.state}" + (f": {said}" if said else "")


def _short(number: float | None) -> float | None:
    """3.0 as 3: tqdm shows numbers as they are."""
    return int(number) if number is not None and number.is_integer() else number


class NoBar:
    """Shows nothing."""

    def show(self, job: JobRecord) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class OwnFunction:
    """Calls a function of the caller's with the job."""

    def __init__(self, function: Callable[[JobRecord], object]):
        self._function = function

    def show(self, job: JobRecord) -> None:
        """Call it."""
        self._function(job)

    def close(self) -> None:
        """Nothing: a function needs no end."""


class TqdmBar:
    """tqdm's bar: a widget in a notebook, text elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = import_module("tqdm.auto").tqdm(total=None)

    def show(self, job: JobRecord) -> None:
        """Move the bar to where the job is."""
        self._bar.set_description(text_of(job), refresh=False)
        if job.progress is not None:
            total = _short(job.progress.total)
            if self._bar.total != total:
                self._bar.reset(total=total)
            self._bar.n = _short(job.progress.done)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class RichBar:
    """rich's bar, on the terminal of stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bars = Progress(console=Console(stderr=True, emoji=False))
        self._task = self._bars.add_task("", total=None)
        self._bars.start()

    def show(self, job: JobRecord) -> None:
        """Move the bar to where the job is."""
        from rich.markup import escape

        now = job.progress
        done, total = (now.done, now.total) if now is not None else (0.0, None)
        self._bars.update(self._task, description=escape(text_of(job)), completed=done, total=total)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bars.stop()
