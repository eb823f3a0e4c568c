"""The commands `modelport users …`: who may log in to a server with a password.

A password is never an argument, which others on the machine could read: it is asked for at a terminal, and
else is the first line of the input.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.identity_options import identity_command, source_of, words_in
from modelport.cli.loading import interruptible
from modelport.cli.server_options import ListingGroup, json_option, print_json
from modelport.identity.roles import Role

if TYPE_CHECKING:
    from modelport.cli.users_store import UserSource


def _source(**where: str | None) -> UserSource:
    from modelport.cli.users_store import DatabaseUsers, ServerUsers

    return source_of(ServerUsers, DatabaseUsers, **where)


def _list(as_json: bool, **where: Any) -> None:
    with interruptible():
        found = _source(**where).users()
    if as_json:
        print_json(found)
    elif not found:
        click.echo("there are no users: `modelport users create` makes one", err=True)
    else:
        from modelport.cli.keys_tables import print_users

        print_users(found)


def _create(name: str, role: str, models: str | None, no_password: bool, as_json: bool, **where: Any) -> None:
    source = _source(**where)
    asked = {
        "name": name,
        "role": role,
        "models": None if models is None else words_in(models),
        "password": None if no_password else _password(),
    }
    with interruptible():
        user = source.create(asked)
    if as_json:
        print_json(user)
    else:
        _tell(user)


def _disable(which: str, **where: Any) -> None:
    _change(which, {"disabled": True}, where)


def _enable(which: str, **where: Any) -> None:
    _change(which, {"disabled": False}, where)


def _passwd(which: str, **where: Any) -> None:
    _change(which, {"password": _password()}, where)


def _role(which: str, role: str, models: str | None, all_models: bool, **where: Any) -> None:
    if models is not None and all_models:
        raise click.UsageError("--models names some, --all-models means all of them: give one of them")
    asked: dict[str, Any] = {"role": role}
    if models is not None or all_models:
        asked["models"] = None if models is None else words_in(models)
    _change(which, asked, where)


def _delete(which: str, **where: Any) -> None:
    with interruptible():
        user = _source(**where).delete(which)
    click.echo(f"the user {user['name']!r} is removed")


def _change(which: str, asked: dict[str, Any], where: dict[str, Any]) -> None:
    with interruptible():
        user = _source(**where).change(which, asked)
    _tell(user)
    click.echo("every session of theirs has ended", err=True)


def _tell(user: dict[str, Any]) -> None:
    models = "all models" if user["models"] is None else ", ".join(user["models"])
    click.echo(f"{user['name']}: {user['role']} on {models}, {user['state']}")


def _password() -> str:
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    line = sys.stdin.readline()
    if not line.strip():
        raise click.UsageError("the password is asked for at a terminal, or is the first line of the input")
    return line.rstrip("\r\n")


def _which() -> click.Argument:
    return click.Argument(["which"], metavar="USER")


def _models(help: str) -> click.Option:
    return click.Option(["models", "--models"], metavar="NAMES", help=help)


command = ListingGroup(
    "users",
    short_help="Make, list, change and remove the users of a server.",
    help="The people who may log in, with a password, to a server that runs with --auth on. Without a "
    "command it lists. A USER is named by the name or the id.",
    commands=[
        identity_command("list", _list, [json_option("/v2/users")], "List users."),
        identity_command(
            "create",
            _create,
            [
                click.Argument(["name"]),
                click.Option(
                    ["role", "--role"], type=click.Choice([str(role) for role in Role]), default="user",
                    show_default=True, help="what they may do",
                ),
                _models("the models on which they may, with commas between [default: all]"),
                click.Option(
                    ["no_password", "--no-password"], is_flag=True,
                    help="they cannot log in before they have one",
                ),
                json_option("/v2/users/{user}"),
            ],
            "Make a user. The password is asked for, or is the first line of the input.",
        ),
        identity_command("disable", _disable, [_which()], "Let a user come in no more."),
        identity_command("enable", _enable, [_which()], "Let a user come in again."),
        identity_command(
            "passwd", _passwd, [_which()],
            "Give a user another password: it is asked for, or is the first line of the input.",
        ),
        identity_command(
            "role",
            _role,
            [
                _which(),
                click.Argument(["role"], type=click.Choice([str(role) for role in Role])),
                _models("the models on which they may, with commas between [default: as it was]"),
                click.Option(["all_models", "--all-models"], is_flag=True, help="on all models from now on"),
            ],
            "Give a user another role.",
        ),
        identity_command("delete", _delete, [_which()], "Remove a user. Their jobs stay."),
    ],
)  # fmt: skip
