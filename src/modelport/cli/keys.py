"""The commands `modelport keys …`, `audit` and `usage`: who may ask a server, and what was done and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelport.cli.identity_options import identity_command, source_of, words_in
from modelport.cli.loading import interruptible
from modelport.cli.server_options import ListingGroup, json_option, print_json, written
from modelport.identity.principals import GRANTED
from modelport.settings.written import rate_of, seconds_of, size_of

if TYPE_CHECKING:
    from modelport.cli.keys_store import KeySource


QUOTAS = ("rate", "calls_at_once", "queued_jobs", "bytes_per_day")


def _source(**where: str | None) -> KeySource:
    from modelport.cli.keys_store import DatabaseKeys, ServerKeys

    return source_of(ServerKeys, DatabaseKeys, **where)


def _list(as_json: bool, **where: Any) -> None:
    with interruptible():
        found = _source(**where).keys()
    if as_json:
        print_json(found)
    elif not found:
        click.echo("there are no keys: `modelport keys create` makes one", err=True)
    else:
        from modelport.cli.keys_tables import print_keys

        print_keys(found)


def _create(as_json: bool, **given: Any) -> None:
    models = given.pop("models")
    asked = {
        "name": given.pop("name"),
        "scopes": words_in(given.pop("scopes")),
        "models": None if models is None else words_in(models),
        "expires": given.pop("expires"),
    }
    quotas = {name: given.pop(name) for name in QUOTAS}
    quotas = {name: quota for name, quota in quotas.items() if quota is not None}
    if quotas:
        asked["quotas"] = quotas
    with interruptible():
        made = _source(**given).create(asked)
    _show_made(made, as_json)


def _revoke(which: str, **where: Any) -> None:
    with interruptible():
        key = _source(**where).revoke(which)
    click.echo(f"the key {key['name']!r} ({key['prefix']}…) is revoked")


def _rotate(which: str, grace: str, as_json: bool, **where: Any) -> None:
    with interruptible():
        made = _source(**where).rotate(which, grace)
    _show_made(made, as_json)


def _audit(limit: int, as_json: bool, **where: Any) -> None:
    with interruptible():
        found = _source(**where).audit(limit)
    if as_json:
        print_json(found)
        return
    from modelport.cli.keys_tables import print_audit

    print_audit(found)


def _usage(days: int, as_json: bool, **where: Any) -> None:
    with interruptible():
        found = _source(**where).usage(days)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("nothing was used, or it was not counted: that is done with --auth on", err=True)
    else:
        from modelport.cli.keys_tables import print_usage

        print_usage(found)


def _show_made(made: dict[str, Any], as_json: bool) -> None:
    """The key alone on stdout, for programs; what else there is to say goes beside it."""
    if as_json:
        print_json(made)
        return
    about = made["about"]
    models = "all models" if about["models"] is None else ", ".join(about["models"])
    click.echo(f"{about['name']}: {', '.join(about['scopes'])} on {models}; it is shown this once:", err=True)
    click.echo(made["key"])


def _scopes(ctx: click.Context, param: click.Parameter, value: str) -> str:
    wrong = [word for word in words_in(value) if word not in GRANTED]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is none of {', '.join(GRANTED)}")
    return value


def _size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else size_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _quotas() -> list[click.Parameter]:
    """The options that say what a key may use."""
    return [
        click.Option(
            ["rate", "--rate"],
            callback=written(rate_of),
            metavar="RATE",
            help="requests that it may make, such as 100/m [default: the setting rate]",
        ),
        click.Option(
            ["calls_at_once", "--calls-at-once"],
            type=click.IntRange(0),
            help="calls that it may have under way [default: the setting max_calls_at_once]",
        ),
        click.Option(
            ["queued_jobs", "--queued-jobs"],
            type=click.IntRange(0),
            help="jobs of it that may wait [default: the setting max_queued_jobs_per_principal]",
        ),
        click.Option(
            ["bytes_per_day", "--bytes-per-day"],
            callback=_size,
            metavar="SIZE",
            help="bytes that it may send and be answered in a day, such as 10G [default: that setting]",
        ),
    ]


def _which() -> click.Argument:
    return click.Argument(["which"], metavar="KEY")


command = ListingGroup(
    "keys",
    short_help="Make, list, revoke and replace the keys of a server.",
    help="The keys of who may ask a server that runs with --auth on. Without a command it lists. A KEY is "
    "named by its id, its prefix or its name.",
    commands=[
        identity_command("list", _list, [json_option("/v2/keys")], "List keys: never the keys themselves."),
        identity_command(
            "create",
            _create,
            [
                click.Option(["name", "--name"], required=True, help="what it is for"),
                click.Option(
                    ["scopes", "--scopes"],
                    required=True,
                    callback=_scopes,
                    metavar="SCOPES",
                    help=f"what it may do, with commas between: {', '.join(GRANTED)}",
                ),
                click.Option(
                    ["models", "--models"],
                    metavar="NAMES",
                    help="the models that it is for, with commas between [default: all]",
                ),
                click.Option(
                    ["expires", "--expires"],
                    callback=written(seconds_of),
                    metavar="DURATION",
                    help="how long it can be used, such as 90d [default: for ever]",
                ),
                *_quotas(),
                json_option("/v2/keys"),
            ],
            "Make a key. It is printed once, and nobody can have it again.",
        ),
        identity_command("revoke", _revoke, [_which()], "Let a key be used no more."),
        identity_command(
            "rotate",
            _rotate,
            [
                _which(),
                click.Option(
                    ["grace", "--grace"],
                    default="24h",
                    show_default=True,
                    callback=written(seconds_of),
                    metavar="DURATION",
                    help="how long the old key can be used still",
                ),
                json_option("/v2/keys"),
            ],
            "Make a key in the place of another one.",
        ),
    ],
)

audit = identity_command(
    "audit",
    _audit,
    [
        click.Option(
            ["limit", "--limit", "-n"], type=click.IntRange(1, 1000), default=50, show_default=True,
            help="at most so many",
        ),
        json_option("/v2/audit"),
    ],
    "Show what was done to keys, versions, runs and jobs, and by whom, the newest first.",
)  # fmt: skip

usage = identity_command(
    "usage",
    _usage,
    [
        click.Option(
            ["days", "--days"], type=click.IntRange(1, 4000), default=30, show_default=True,
            help="of so many days, the last of which is today (UTC)",
        ),
        json_option("/v2/usage"),
    ],
    "Show who has used what of each model, day by day: one's own with a key, that of all for administrators.",
)  # fmt: skip
