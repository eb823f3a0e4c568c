"""The command `modelport serve`: its arguments, and the settings they make."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from modelport.cli.setting_options import given, setting_options
from modelport.configuration import SettingsError, load_settings, mistyped_variables


def _serve(sources: tuple[str, ...], config: str | None, **options: Any) -> None:
    chosen = given(options)
    if sources:
        chosen["sources"] = list(sources)
    serve_with(chosen, config)


def serve_with(chosen: dict[str, Any], config: str | None) -> None:
    """Serve with these settings over those of the variables and the file, and end the process."""
    for wrong, right in mistyped_variables(os.environ).items():
        click.echo(f"modelport: the variable {wrong} is no setting; did you mean {right}?", err=True)
    try:
        settings = load_settings(chosen, config)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    from modelport.cli.serve import run_server

    sys.exit(run_server(settings))


# The first setting of each group that --help shows, and the group's heading.
GROUPS = {
    "config": "Options",
    "model_name": "Models and address",
    "workers": "Workers and predictions",
    "client_max_size": "Limits on clients",
    "predict_endpoint": "What is served",
    "data_dir": "Jobs",
    "spool_dir": "Files and log",
}


class _Grouped(click.Command):
    """A command whose many options stand below headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        heading = ""
        found: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            heading = GROUPS.get(param.name or "", "" if param.name == "help" else heading)
            record = param.get_help_record(ctx)
            if record is not None:
                found.setdefault(heading or "Options", []).append(record)
        for heading, records in found.items():
            with formatter.section(heading):
                formatter.write_dl(records)


command = _Grouped(
    "serve",
    callback=_serve,
    params=[
        click.Argument(["sources"], nargs=-1, metavar="[[NAME=]SOURCE]..."),
        click.Option(["config", "--config", "--config-file"], metavar="FILE", help="a TOML file of settings"),
        *setting_options(),
    ],
    short_help="Serve models over HTTP.",
    help="Serve models. A SOURCE is package.module, package.module:Class, path/to/model.py[:Class] or "
    "entrypoint:NAME; without one, every installed deepaas.v2.model entry point is served.",
)
