"""What a person sees of a job that runs here: a live bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import click

from modelport.jobs.records import NewEvent

if TYPE_CHECKING:
    from rich.console import Group
    from rich.status import Status

UNSHOWN = ("performance", "environment")  # the result and the run have them
PROGRESS_SECONDS = 1.0  # plain lines: progress in between is not printed


class JobDisplay(Protocol):
    """Shows a job on stderr: `wait` while its model loads, `begin` when it runs, `close` after each."""

    def wait(self, title: str) -> None: ...
    def begin(self, title: str) -> None: ...
    def take(self, event: NewEvent) -> None: ...
    def say(self, text: str) -> None: ...
    def close(self) -> None: ...


def display_for_stderr() -> JobDisplay:
    """The display that fits where stderr goes."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()


class PlainDisplay:
    """Each event is a line."""

    def __init__(self) -> None:
        self._next_progress = 0.0

    def wait(self, title: str) -> None:
        """Nothing: a model that has something to say prints it."""

    def begin(self, title: str) -> None:
        """Nothing: the lines speak for themselves."""

    def take(self, event: NewEvent) -> None:
        """Print the event."""
        if event.type in UNSHOWN or (event.type == "progress" and not self._is_due(event.data)):
            return
        click.echo(line_of(event), err=True)

    def say(self, text: str) -> None:
        """Print words of our own."""
        click.echo(f"modelport: {text}", err=True)

    def close(self) -> None:
        """Nothing."""

    def _is_due(self, data: dict[str, Any]) -> bool:
        now = monotonic()
        is_last = data["total"] is not None and data["done"] >= data["total"]
        if now < self._next_progress and not is_last:
            return False
        self._next_progress = now + PROGRESS_SECONDS
        return True


class LiveDisplay:
    """Log lines scroll by above a bar and the latest metrics."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._metrics: dict[str, str] = {}
        self._step: object = None
        self._title = ""
        self._task: Any = None
        self._status: Status | None = None
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._live = Live(console=self._console, get_renderable=self._shown, refresh_per_second=8)

    def wait(self, title: str) -> None:
        """Show that something goes on."""
        from rich.markup import escape

        self._status = self._console.status(escape(title))
        self._status.start()

    def begin(self, title: str) -> None:
        """Show the bar."""
        from rich.markup import escape

        self._title = escape(title)
        self._task = self._bars.add_task(self._title, total=None)
        self._live.start()

    def take(self, event: NewEvent) -> None:
        """Show the event where it belongs."""
        data = event.data
        if event.type == "progress" and self._task is not None:
            from rich.markup import escape

            words = f"{self._title}: {escape(data['message'])}" if data["message"] else self._title
            self._bars.update(self._task, description=words, completed=data["done"], total=data["total"])
        elif event.type == "metric":
            self._metrics[data["name"]] = f"{data['value']:g}"
            self._step = data["step"]
        elif event.type not in UNSHOWN:
            self._print(line_of(event))

    def say(self, text: str) -> None:
        """Print words of our own."""
        self._print(f"modelport: {text}")

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._status is not None:
            self._status.stop()
        self._live.stop()

    def _print(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text))

    def _shown(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        said = "  ".join(f"{name} {value}" for name, value in list(self._metrics.items()))
        if said and self._step is not None:
            said += f"  (step {self._step})"
        return Group(self._bars, Text(said, style="cyan")) if said else Group(self._bars)


def line_of(event: NewEvent) -> str:
    """An event as a line."""
    data = event.data
    if event.type == "metric":
        step = "" if data["step"] is None else f"step {data['step']}: "
        return f"{step}{data['name']} = {data['value']:g}"
    if event.type == "progress":
        of = "" if data["total"] is None else f" of {data['total']:g}"
        return f"progress: {data['done']:g}{of}" + (f", {data['message']}" if data["message"] else "")
    if event.type == "artifact":
        return f"artifact: {data['path']} ({data['size']} bytes)"
    if event.type == "model":
        return f"model: {data['path']}"
    return str(data.get("line", "")).rstrip("\n")
