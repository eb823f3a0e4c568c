"""The command `modelport deepaas-run`: serve installed models with the options of DEEPaaS's command."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli.deepaas_options import deepaas_options, deepaas_settings


def _run(**values: Any) -> None:
    from modelport.cli.serve_command import serve_with

    serve_with(deepaas_settings(values), None)


command = click.Command(
    "deepaas-run",
    callback=_run,
    params=deepaas_options(others=True),
    short_help="Serve, with the options of DEEPaaS's deepaas-run.",
    help="Serve the installed deepaas.v2.model entry points, with the options of DEEPaaS's deepaas-run. "
    "Switches are turned off by --noNAME. Options that mean nothing here are named and ignored; "
    "those of `modelport serve` are taken, too.",
)
