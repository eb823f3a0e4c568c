"""What the commands that ask a server have in common: its address, and answers as JSON."""

from __future__ import annotations

import json
from typing import Any

import click


def url_option() -> click.Option:
    """Which server."""
    return click.Option(
        ["url", "--url"],
        envvar="MODELPORT_URL",
        metavar="URL",
        help="the server [default: http://127.0.0.1:5000]",
    )


def json_option(resource: str) -> click.Option:
    """JSON instead of a table."""
    return click.Option(["as_json", "--json"], is_flag=True, help=f"print JSON, as GET {resource} has it")


def print_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace"))
