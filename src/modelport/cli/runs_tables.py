"""Runs, comparisons and promotions as tables and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from modelport.cli.tables import console, local_time, plain, safe, seconds
from modelport.runs.performance import numbers_of, paths_of
from modelport.settings.written import order_of

if TYPE_CHECKING:
    from modelport.client.run_records import Promotion

LACKING = "-"  # in place of a value that a run does not have
MAX_PARAMS = 60  # characters of the parameters in a list
SHOWN = ("model", "version", "source", "name", "seed", "code_version")
OF_ENVIRONMENT = ("python", "platform", "commit")


def print_runs(runs: Sequence[dict[str, Any]], order_by: str | None) -> None:
    """One line for each run, with the number that they are ordered by."""
    table = Table(box=None, pad_edge=False)
    order = [] if order_by is None else [safe(order_by)]
    for column in ("run", "version", "aliases", *order, "params", "finished"):
        table.add_column(column, no_wrap=column in ("run", "version", "finished"), overflow="fold")
    params = [_short(values) for values in _different_first([run["params"] for run in runs])]
    for run, words in zip(runs, params, strict=True):
        number = [] if order_by is None else [_ordered(run, order_by)]
        table.add_row(
            safe(run["run_id"]),
            _version(run),
            safe(", ".join(run["aliases"])),
            *number,
            safe(words),
            local_time(run["finished_at"]),
        )
    console().print(table)


def print_run(run: dict[str, Any]) -> None:
    """Everything of one run, but for the packages of its environment."""
    table = Table.grid(padding=(0, 2))
    rows = [("run", run["run_id"]), *((name.replace("_", " "), run[name]) for name in SHOWN)]
    rows.append(("aliases", ", ".join(run["aliases"])))
    rows += [(name.removesuffix("_at"), local_time(run[name])) for name in ("started_at", "finished_at")]
    rows.append(("took", seconds(run["duration"])))
    rows += [(name, run["environment"].get(name)) for name in OF_ENVIRONMENT]
    for name, value in rows:
        if value not in (None, ""):
            table.add_row(f"[bold]{name}[/]", safe(str(value)))
    for name, value in run["params"].items():
        table.add_row(f"[bold]param[/] {safe(name)}", safe(str(value)))
    for kind, numbers in _numbers(run).items():
        for name, value in numbers.items():
            table.add_row(f"[bold]{kind}[/] {safe(name)}", f"{value:g}")
    console().print(table)


def print_comparison(runs: Sequence[dict[str, Any]]) -> None:
    """Runs side by side: parameters that differ, then the numbers of any."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for run in runs:
        table.add_column(safe(run["run_id"]), overflow="fold")
    table.add_row("[bold]version[/]", *(_version(run) for run in runs))
    for name, values in _side_by_side([run["params"] for run in runs]):
        if _differ(values):
            table.add_row(f"[bold]param[/] {safe(name)}", *(safe(str(value)) for value in values))
    each = [_numbers(run) for run in runs]
    for kind in each[0]:
        for name, values in _side_by_side([numbers[kind] for numbers in each]):
            cells = (value if value is LACKING else f"{value:g}" for value in values)
            table.add_row(f"[bold]{kind}[/] {safe(name)}", *cells)
    console().print(table)


def print_promotion(done: Promotion) -> None:
    """What has become live, and what was found before."""
    if not done.changed:
        click.echo(f"version {done.version} of {plain(done.model)} was live already")
        return
    click.echo(f"version {done.version} of {plain(done.model)} is live; before it was {done.before}")
    if done.kind == "promotion":
        print_checks(done.checks, done.regressions, done.warnings)


def print_checks(
    checks: Mapping[str, Any] | None, regressions: Sequence[str], warnings: Sequence[str] = ()
) -> None:
    """How a version compares with the one that was live, and what was not looked at."""
    for words in warnings:
        click.echo(plain(words))
    if checks is None or not checks["checked"] + checks["not_checked"]:
        return
    table = Table.grid(padding=(0, 2))
    table.add_row("[bold]compared[/]", f"{checks['checked']} requests")
    if checks["not_checked"]:
        table.add_row("[bold]not in time[/]", f"{checks['not_checked']} requests")
    if checks["agreement"] is not None:
        table.add_row("[bold]agreement[/]", f"{checks['agreement']:.0%}")
    table.add_row("[bold]errors[/]", f"{checks['errors_before']} before, {checks['errors_after']} now")
    times = (checks["seconds_before"], checks["seconds_after"])
    if None not in times:
        table.add_row(
            "[bold]an answer took[/]", f"{_milliseconds(times[0])} before, {_milliseconds(times[1])} now"
        )
    for words in regressions:
        table.add_row("[bold red]regression[/]", safe(words))
    console().print(table)


def _version(run: dict[str, Any]) -> str:
    return "" if run["version"] is None else str(run["version"])


def _ordered(run: dict[str, Any], order_by: str) -> str:
    """The number of a run that an order goes by; nothing if it lacks that."""
    found = numbers_of(run["performance"], _numbers(run)["metric"])
    value = found.get(order_of(order_by).name)
    return "" if value is None else f"{value:g}"


def _different_first(each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parameters of each, those before the others in which the runs differ."""
    rows = _side_by_side(each)
    names = [name for name, values in rows if _differ(values)]
    names += [name for name, values in rows if not _differ(values)]
    return [{name: values[name] for name in names if name in values} for values in each]


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _short(params: Mapping[str, Any]) -> str:
    text = " ".join(f"{name}={value}" for name, value in params.items())
    return text if len(text) <= MAX_PARAMS else f"{text[: MAX_PARAMS - 1]}…"


def _numbers(run: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What was measured: the last value of each metric that has one, and the performance by dotted path."""
    metrics = {name: value for name, value in run["metrics"].items() if value is not None}
    return {"metric": metrics, "performance": paths_of(run["performance"])}


def _side_by_side(each: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Every name that any has, with the values of all."""
    names = dict.fromkeys(name for values in each for name in values)
    return [(name, [values.get(name, LACKING) for values in each]) for name in names]


def _milliseconds(duration: float) -> str:
    return f"{duration * 1000:.1f} ms"
