"""`modelport …`: the commands. Each imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import sys
from typing import Any

import click

from modelport import __version__
from modelport.cli.configuration import SettingsError, load_settings
from modelport.cli.setting_options import given, setting_options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelport")
def cli() -> None:
    """Any Python model, one durable HTTP API."""


def _serve(sources: tuple[str, ...], config: str | None, **options: Any) -> None:
    chosen = given(options)
    if sources:
        chosen["sources"] = list(sources)
    try:
        settings = load_settings(chosen, config)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    from modelport.cli.serve import run_server

    sys.exit(run_server(settings))


cli.add_command(
    click.Command(
        "serve",
        callback=_serve,
        params=[
            click.Argument(["sources"], nargs=-1, metavar="[[NAME=]SOURCE]..."),
            click.Option(
                ["config", "--config", "--config-file"], metavar="FILE", help="a TOML file of settings"
            ),
            *setting_options(),
        ],
        help="Serve models. A SOURCE is package.module, package.module:Class, path/to/model.py[:Class] or "
        "entrypoint:NAME; without one, every installed deepaas.v2.model entry point is served.",
    )
)


def main() -> None:
    """The console script."""
    cli(prog_name="modelport")


if __name__ == "__main__":
    main()
