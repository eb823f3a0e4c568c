"""What the commands of keys and users have in common: whose they are, by a server or its database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.reading import load_settings

T = TypeVar("T")


def source_of(
    server: Callable[[str], T], database: Callable[[Settings], T], url: str | None, **where: str | None
) -> T:
    """The one of `server` at the URL, or that of the `database` of settings. Raises `UsageError`."""
    given = {name: str(value) for name, value in where.items() if value is not None}
    if url is not None:
        if given:
            raise click.UsageError("--url asks a server, the others open what it has: give one of them")
        return server(url)
    try:
        return database(load_settings(given))
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def where_options() -> list[click.Parameter]:
    """The options that say whose keys."""
    return [
        click.Option(
            ["url", "--url"],
            envvar="MODELPORT_URL",
            metavar="URL",
            help="ask this server, as an administrator: with a key in MODELPORT_KEY, or logged in",
        ),
        click.Option(
            ["data_dir", "--data-dir"],
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="the data folder [default: the setting data_dir]",
        ),
        click.Option(
            ["database_url", "--database-url"], metavar="URL", help="the PostgreSQL of servers that share one"
        ),
    ]


def identity_command(
    name: str, callback: Callable[..., None], params: list[click.Parameter], help: str
) -> click.Command:
    """A command that is also told whose keys or users."""
    return click.Command(name, callback=callback, params=[*params, *where_options()], help=help)


def words_in(text: str) -> list[str]:
    """The words of a list with commas."""
    return [word for part in text.split(",") if (word := part.strip())]
