"""Jobs as tables and lines for people."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from modelport.engine.output import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {
    "queued": "cyan", "running": "blue", "succeeded": "green", "failed": "red", "cancelled": "yellow",
    "interrupted": "magenta",
}  # fmt: skip
PIPE_WIDTH = 200
SHOWN = ("model_version", "attempt", "priority", "requested_by", "error", "ended_by")


def console() -> Console:
    """The console on stdout. Without a terminal lines are wide: programs that read them need them whole."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def print_jobs(jobs: Sequence[dict[str, Any]]) -> None:
    """One line for each job."""
    table = Table(box=None, pad_edge=False)
    for column in ("job", "kind", "model", "state", "progress", "created", "took"):
        table.add_column(column, no_wrap=column in ("job", "kind", "state", "created", "took"))
    for job in jobs:
        table.add_row(
            job["id"],
            job["kind"],
            _safe(job["model"]),
            _state(job),
            _safe(_progress(job)),
            _local(job["created_at"]),
            _seconds(job["duration"]),
        )
    console().print(table)


def print_job(
    job: dict[str, Any], metrics: dict[str, list[dict[str, Any]]], artifacts: list[tuple[str, int]]
) -> None:
    """Everything of one job."""
    out = console()
    table = Table.grid(padding=(0, 2))
    for name in ("id", "kind", "model"):
        table.add_row(f"[bold]{name}[/]", _safe(job[name]))
    table.add_row("[bold]state[/]", _state(job))
    for name in SHOWN:
        if job[name]:
            table.add_row(f"[bold]{name.replace('_', ' ')}[/]", _safe(str(job[name])))
    for name in ("created_at", "started_at", "finished_at"):
        if job[name]:
            table.add_row(f"[bold]{name.removesuffix('_at')}[/]", _local(job[name]))
    for name, said in (("took", _seconds(job["duration"])), ("progress", _safe(_progress(job)))):
        if said:
            table.add_row(f"[bold]{name}[/]", said)
    for name, value in job["arguments"].items():
        table.add_row(f"[bold]argument[/] {_safe(name)}", _safe(str(value)))
    for name, points in metrics.items():
        table.add_row(f"[bold]metric[/] {_safe(name)}", _metric(points))
    for name, size in artifacts:
        table.add_row("[bold]artifact[/]", f"{_safe(name)} ({size} bytes)")
    out.print(table)


def _safe(text: str) -> str:
    """Words of a model or a client, which must play no tricks on the terminal."""
    return escape(printable(text.encode("utf-8", "replace")))


def _state(job: dict[str, Any]) -> str:
    state = job["state"]
    words = f"[{COLOURS.get(state, 'white')}]{state}[/]"
    if job["cancel_requested"] and state == "running":
        words += ", asked to stop"
    return words


def _progress(job: dict[str, Any]) -> str:
    now = job["progress"]
    if now is None:
        return ""
    done, total = now["done"], now["total"]
    share = f"{done / total:.0%} " if total else ""
    of = f" of {total:g}" if total is not None else ""
    return f"{share}({done:g}{of})" + (f" {now['message']}" if now["message"] else "")


def _metric(points: list[dict[str, Any]]) -> str:
    last = points[-1]
    step = "" if last["step"] is None else f" at step {last['step']:g}"
    values = [point["value"] for point in points if point["value"] is not None]
    between = f", between {min(values):g} and {max(values):g}" if len(values) > 1 else ""
    now = "nan" if last["value"] is None else f"{last['value']:g}"
    return f"{now}{step}{between}"


def _local(text: str | None) -> str:
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _seconds(duration: float | None) -> str:
    if duration is None:
        return ""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, seconds = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
