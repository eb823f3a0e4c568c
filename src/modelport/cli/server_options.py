"""What commands that ask a server have in common: its address, JSON, and listing if none is named."""

from __future__ import annotations

import json
from collections.abc import Callable
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


Checked = Callable[[click.Context, click.Parameter, str | None], str | None]


def written(read: Callable[[str], object]) -> Checked:
    """The callback of an option whose text must be one that `read` takes; it stays as it was written."""

    def checked(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                read(value)
            except ValueError as error:
                raise click.BadParameter(str(error)) from None
        return value

    return checked


def json_option(resource: str) -> click.Option:
    """JSON instead of a table."""
    return click.Option(["as_json", "--json"], is_flag=True, help=f"print JSON, as GET {resource} has it")


def print_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace"))


class ListingGroup(click.Group):
    """A group that lists if no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_help = any(arg in ctx.help_option_names for arg in args[:1])
        if not asks_help and (not args or args[0].startswith("-")):
            args = ["list", *args]
        return super().parse_args(ctx, args)
