"""The command `modelport check`: can this model be served, and what would make it better."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import click

from modelport.cli.loading import answers_only, file_options, interruptible, parsed_source
from modelport.cli.own_process import in_own_process

if TYPE_CHECKING:
    from rich.console import Console

    from modelport.cli.checks import Examined, Finding
    from modelport.contract.signature import Operation, Signature
    from modelport.sources.source import Source

OK = 0
PROBLEMS = 1
MARKS = {"error": "[red]✘[/]", "warning": "[yellow]![/]"}


@click.pass_context
def _check(
    ctx: click.Context,
    source: tuple[str, ...],
    strict: bool,
    debug: bool,
    upgrade: bool,
    write: bool,
    **how: Any,
) -> None:
    if upgrade:
        from modelport.cli.upgrade.command import check_upgrade

        left = [check_upgrade(one, write) for one in source]
        sys.exit(PROBLEMS if any(left) else OK)
    if write:
        raise click.UsageError("--write is for --upgrade: nothing else is edited")
    process = in_own_process(ctx, " ".join(source), how.pop("load_timeout"))
    from modelport.cli.checks import examined, problems_of_circles

    sources = [parsed_source(one, **how) for one in source]
    process.leave_settings()
    with answers_only(), interruptible():
        results = [examined(one) for one in sources]
        process.loaded()
    from modelport.cli.tables import console as console_of

    console = console_of()
    failed = [_told(console, one, result, debug) for one, result in zip(sources, results, strict=True)]
    warnings = list(problems_of_circles(sources))
    for finding in warnings:
        _print_finding(console, finding)
    statuses = [errors or (strict and warned) for errors, warned in failed]
    sys.exit(PROBLEMS if any(statuses) or (strict and warnings) else OK)


def _told(console: Console, source: Source, result: Examined, debug: bool) -> tuple[int, int]:
    """Say what was found out about a model; how many errors and warnings that are."""
    from modelport.dialects.codecs.failures import trace

    if debug and result.error is not None:
        click.echo(trace(result.error), err=True)
    if result.signature is not None:
        _print_signature(console, result.signature)
    for finding in result.findings:
        _print_finding(console, finding)
    errors = sum(f.level == "error" for f in result.findings)
    warnings = len(result.findings) - errors
    verdict = "[red]cannot be served[/]" if errors else "[green]can be served[/]"
    counts = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    console.print(f"[bold]{source.name}[/] {verdict}: {counts}")
    return errors, warnings


def _print_signature(console: Console, signature: Signature) -> None:
    from rich.markup import escape
    from rich.table import Table

    from modelport.contract.signature import VERBS

    about = signature.metadata
    console.print(f"[bold]{escape(signature.name)}[/]  {signature.contract} contract")
    if about.get("description"):
        console.print(escape(str(about["description"])), style="dim")
    for verb in VERBS:
        operation = signature.operation(verb)
        if not operation.implemented:
            continue
        table = Table(title=f"{verb}()", title_justify="left", title_style="bold")
        for column in ("argument", "takes", "default", "description"):
            table.add_column(column)
        for row in _rows(operation, signature.definitions):
            table.add_row(*map(escape, row))
        if operation.arguments:
            console.print(table)
        else:
            console.print(f"[bold]{verb}()[/] takes no arguments")
        if verb == "predict":
            console.print(f"answers {escape(_answers(operation))}")
    if signature.settings:
        console.print(f"asks for {escape(_settings(signature.settings))}")


def _settings(settings: dict[str, Any]) -> str:
    """What the model asks for by itself; of variables only the names."""
    shown = {
        name: list(cast("dict[str, str]", value)) if isinstance(value, dict) else value
        for name, value in settings.items()
    }
    return ", ".join(f"{name} = {value}" for name, value in shown.items())


def _rows(operation: Operation, definitions: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    from modelport.cli.model_options import model_options, takes

    options = {o.argument.name: o for o in model_options(operation.arguments, definitions)}
    rows: list[tuple[str, str, str, str]] = []
    for argument in operation.arguments:
        option = options.get(argument.name)
        default = "required" if argument.required else str(argument.schema.get("default", ""))
        kind = takes(option, definitions) if option else " or ".join(argument.schema.get("enum") or ["*/*"])
        rows.append((argument.name, kind, default, str(argument.schema.get("description", ""))))
    return rows


def _answers(operation: Operation) -> str:
    said = " or ".join(operation.media_types)
    if operation.streams:
        said += ", piece by piece"
    if operation.max_batch_size > 1:
        said += f"; up to {operation.max_batch_size} calls at once"
    if operation.max_concurrency > 1:
        said += f"; up to {operation.max_concurrency} calls side by side"
    return said


def _print_finding(console: Console, finding: Finding) -> None:
    from rich.markup import escape

    console.print(f"{MARKS[finding.level]} {finding.level}: {escape(finding.problem)}")
    console.print(f"  [dim]→[/] {escape(finding.remedy)}")


command = click.Command(
    "check",
    callback=_check,
    params=[
        click.Argument(["source"], metavar="[NAME=]SOURCE…", nargs=-1, required=True),
        click.Option(["strict", "--strict"], is_flag=True, help="exit with status 1 for warnings too"),
        click.Option(
            ["upgrade", "--upgrade"],
            is_flag=True,
            help="go through DEEPaaS's upgrade notes for the code of a package, which is not run: the source "
            "is its folder, or the name of an installed package, entry point or module",
        ),
        click.Option(
            ["write", "--write"],
            is_flag=True,
            help="with --upgrade: make the edits that are safe, and show them",
        ),
        click.Option(["debug", "-d", "--debug"], is_flag=True, help="show the traceback if loading fails"),
        *file_options(),
    ],
    short_help="Say whether models can be served.",
    help="Load and warm each model, check it against its contract, print its signature and each problem with "
    "its remedy, and say which of them ask each other in a circle. Exit status 0: each can be served; 1: one "
    "cannot.",
)
