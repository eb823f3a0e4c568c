"""The command `modelport doctor`: everything that a server would find here, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.serve_command import GroupedCommand, chosen_settings, read_settings, serve_parameters

if TYPE_CHECKING:
    from modelport.cli.doctor.seen import Seen
    from modelport.cli.mlup_config import MlupFile
    from modelport.settings import Settings
    from modelport.sources.source import Source

WELL, FOUND = 0, 1
PIPE_WIDTH = 1000  # sentences are long, and a line that a program reads must not be broken
MARKS = {"ok": "[green]✔[/]", "note": "[cyan]i[/]", "warning": "[yellow]![/]", "error": "[red]✘[/]"}


def _doctor(
    sources: tuple[str, ...], config: str | None, url: str | None, load: bool, as_json: bool, **options: Any
) -> None:
    from modelport.cli.doctor.seen import FINDINGS

    try:
        if url is not None:
            seen = _of_server(url)
        else:
            settings, mlup = read_settings(chosen_settings(sources, options), config)
            seen = _of_here(settings, mlup, load=load)
        shown = list(seen) if as_json else list(_printed(seen))
    except ValueError as error:
        raise click.UsageError(f"Invalid value for '--url': {error}") from None
    found = sum(one.level in FINDINGS for one in shown)
    if as_json:
        print(json.dumps({"well": not found, "seen": [asdict(one) for one in shown]}, indent=2))
    else:
        from modelport.cli.tables import console

        console(PIPE_WIDTH).print(_verdict(found), style="bold")
    sys.exit(FOUND if found else WELL)


def _of_server(url: str) -> Iterator[Seen]:
    from modelport.cli.doctor.running import seen_of_server

    yield from seen_of_server(url)


def _of_here(settings: Settings, mlup: MlupFile | None, *, load: bool) -> Iterator[Seen]:
    """Everything, in the order in which a server comes to it."""
    from modelport.cli.doctor.access import seen_of_access
    from modelport.cli.doctor.addresses import seen_of_address
    from modelport.cli.doctor.certificates import seen_of_certificates
    from modelport.cli.doctor.clock import seen_of_clock
    from modelport.cli.doctor.databases import seen_of_database
    from modelport.cli.doctor.folders import seen_of_folders, seen_of_logs
    from modelport.cli.doctor.limits import seen_of_limits
    from modelport.cli.doctor.models import seen_of_models
    from modelport.cli.doctor.packages import seen_of_packages
    from modelport.cli.doctor.shared_files import seen_of_files

    yield from seen_of_packages()
    sources: Sequence[Source] = []
    problem = None
    try:
        sources = _sources(settings, mlup)
    except ValueError as error:
        problem = str(error)
    if problem is None:
        yield from seen_of_models(settings, sources, load=load)
    else:
        from modelport.cli.doctor.seen import Seen

        yield Seen("models", "error", problem, "name a source that is there, as the message says")
    yield from seen_of_address(settings)
    yield from seen_of_access(settings)
    yield from seen_of_certificates(settings)
    yield from seen_of_folders(settings)
    yield from seen_of_logs(settings)
    yield from seen_of_database(settings)
    yield from seen_of_files(settings)
    yield from seen_of_clock()
    yield from seen_of_limits(settings, sources)


def _sources(settings: Settings, mlup: MlupFile | None) -> list[Source]:
    """The models that would be served. Raises `ValueError`."""
    from modelport.cli.to_serve import sources_to_serve
    from modelport.contract.errors import ModelLoadError

    try:
        return sources_to_serve(settings, mlup)
    except ModelLoadError as error:
        raise ValueError(str(error)) from None


def _printed(seen: Iterator[Seen]) -> Iterator[Seen]:
    """Print each as soon as it is known."""
    from modelport.cli.tables import console, safe

    out = console(PIPE_WIDTH)
    subject = ""
    for one in seen:
        if one.subject != subject:
            subject = one.subject
            out.print(f"[bold]{subject}[/]")
        out.print(f"  {MARKS[one.level]} {safe(one.said)}")
        if one.remedy:
            out.print(f"    [dim]→[/] {safe(one.remedy)}")
        yield one


def _verdict(found: int) -> str:
    return f"{found} thing{'s' * (found != 1)} to see to" if found else "all is well"


command = GroupedCommand(
    "doctor",
    callback=_doctor,
    params=[
        *serve_parameters()[:2],
        click.Option(
            ["load", "--load"], is_flag=True, help="load and warm each model, in a process of its own"
        ),
        click.Option(
            ["url", "--url"], metavar="URL", help="ask a server that runs, and look at nothing else"
        ),
        click.Option(["as_json", "--json"], is_flag=True, help="print JSON"),
        *serve_parameters()[2:],
    ],
    short_help="Say what would keep a server from working here.",
    help="Look at all that `modelport serve` with these arguments would need: models, address, TLS, folders, "
    "database, clock, limits, packages; say what is wrong, and what to do. Nothing is changed, and a server "
    "may run meanwhile. Exit status 0: all is well; 1: there is something to see to.",
)
