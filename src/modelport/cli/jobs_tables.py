"""Jobs as tables and lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from modelport.cli.tables import console, local_time, safe, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {
    "queued": "cyan", "running": "blue", "succeeded": "green", "failed": "red", "cancelled": "yellow",
    "interrupted": "magenta",
}  # fmt: skip
SHOWN = ("model_version", "attempt", "priority", "requested_by", "error", "ended_by")


def print_jobs(jobs: Sequence[dict[str, Any]]) -> None:
    """One line for each job."""
    table = Table(box=None, pad_edge=False)
    for column in ("job", "kind", "model", "state", "progress", "created", "took"):
        table.add_column(column, no_wrap=column in ("job", "kind", "state", "created", "took"))
    for job in jobs:
        table.add_row(
            job["id"],
            job["kind"],
            safe(job["model"]),
            _state(job),
            safe(_progress(job)),
            local_time(job["created_at"]),
            seconds(job["duration"]),
        )
    console().print(table)


def print_job(
    job: dict[str, Any], metrics: dict[str, list[dict[str, Any]]], artifacts: list[tuple[str, int]]
) -> None:
    """Everything of one job."""
    out = console()
    table = Table.grid(padding=(0, 2))
    for name in ("id", "kind", "model"):
        table.add_row(f"[bold]{name}[/]", safe(job[name]))
    table.add_row("[bold]state[/]", _state(job))
    for name in SHOWN:
        if job[name]:
            table.add_row(f"[bold]{name.replace('_', ' ')}[/]", safe(str(job[name])))
    for name in ("created_at", "started_at", "finished_at"):
        if job[name]:
            table.add_row(f"[bold]{name.removesuffix('_at')}[/]", local_time(job[name]))
    for name, said in (("took", seconds(job["duration"])), ("progress", safe(_progress(job)))):
        if said:
            table.add_row(f"[bold]{name}[/]", said)
    for name, value in job["arguments"].items():
        table.add_row(f"[bold]argument[/] {safe(name)}", safe(str(value)))
    for name, points in metrics.items():
        table.add_row(f"[bold]metric[/] {safe(name)}", _metric(points))
    for name, size in artifacts:
        table.add_row("[bold]artifact[/]", f"{safe(name)} ({size} bytes)")
    out.print(table)


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
