"""The commands `modelport login` and `logout`: what a server is to know its user by, kept for later commands.

Neither a password nor a key is an argument, which others on the machine could read: it is asked for at a
terminal, or is the first line of the input.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.loading import interruptible
from modelport.variables import KEY

if TYPE_CHECKING:
    from modelport.client.login_files import Kept


def _login(
    url: str | None, user: str | None, password_stdin: bool, key_stdin: bool, sso: bool, wait: int
) -> None:
    from modelport.cli.server_connection import DEFAULT_URL

    url = url or DEFAULT_URL
    if sso and (key_stdin or password_stdin or user is not None):
        raise click.UsageError(
            "--sso logs in at the issuer of the server, and takes no name, password or key"
        )
    if key_stdin and (password_stdin or user is not None):
        raise click.UsageError(
            "--key-stdin keeps a key, --user and --password-stdin log a user in: choose one"
        )
    _warn_of_clear_text(url)
    with interruptible():
        if sso:
            from modelport.cli.login_sso import log_in

            kept, me = log_in(url, wait, _me)
        else:
            kept, me = _kept_key(url) if key_stdin else _kept_session(url, user, is_read=password_stdin)
        _keep(kept)
    scopes = ", ".join(me["scopes"]) or "nothing"
    models = "all models" if me["models"] is None else ", ".join(me["models"]) or "no model"
    click.echo(f"{kept.url} knows you as the {me['kind']} {me['name']!r}: {scopes} on {models}")
    if os.environ.get(KEY):
        click.echo(f"{KEY} is set, and counts before what is kept", err=True)


def _kept_key(url: str) -> tuple[Kept, dict[str, Any]]:
    """The key that is in the input, and of whom it is."""
    from modelport.client.login_files import Kept, LoginFile

    key = _secret("Key")
    me = _me(url, key)
    if me["kind"] == "anybody":
        raise click.ClickException(f"{url} asks nobody who they are (--auth off): it needs no key")
    return Kept(LoginFile(url).url, key), me


def _me(url: str, key: str) -> dict[str, Any]:
    """Of whom a key or a token is, as the server has it."""
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.exchange import Request, exchange
    from modelport.client.reaching import Asker

    with ServerConnection(url, who=Asker(key=key)) as server, server.errors():
        me = server.run(exchange(Request("GET", "/v2/me"), server.calls.deadline())).json()
        return {name: me[name] for name in ("kind", "name", "scopes", "models")}


def _kept_session(url: str, user: str | None, *, is_read: bool) -> tuple[Kept, dict[str, Any]]:
    """A session of a user, who is asked for what is not given, and who that is."""
    import msgspec

    from modelport.cli.server_connection import ServerConnection
    from modelport.client.arguments import Body
    from modelport.client.exchange import Request, exchange
    from modelport.client.kept_login import kept_of
    from modelport.client.login import PATH
    from modelport.client.login_files import LoginFile
    from modelport.client.reaching import Asker

    if not is_read and not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to ask for the password: give it as the first line of the input, with "
            "--password-stdin (and --user), or a key with --key-stdin"
        )
    if user is None:
        if is_read:
            raise click.UsageError("--password-stdin needs --user")
        user = str(click.prompt("User", err=True))
    password = _secret("Password")
    sent = {"grant_type": "password", "username": user, "password": password}
    asked = Request("POST", PATH, body=Body(json=msgspec.json.encode(sent)), repeatable=False)
    with ServerConnection(url, who=Asker(key="")) as server, server.errors():
        answer = server.run(exchange(asked, server.calls.deadline()))
        kept = kept_of(answer, LoginFile(url).url, user)
    return kept, _me(url, kept.token)


def _secret(what: str) -> str:
    """What is typed at a terminal, or the first line of the input."""
    if sys.stdin.isatty():
        return click.prompt(what, hide_input=True, err=True)
    line = sys.stdin.readline().strip("\r\n")
    if not line.strip():
        raise click.UsageError(f"the first line of the input is to be the {what.lower()}, and it is empty")
    return line


def _keep(kept: Kept) -> None:
    from modelport.client.login_files import LoginFile
    from modelport.contract.errors import ModelportError

    file = LoginFile(kept.url)
    try:
        with file.turn():
            file.write(kept)
    except ModelportError as error:
        raise click.ClickException(str(error)) from None


def _warn_of_clear_text(url: str) -> None:
    import httpx

    from modelport.security.hosts import is_own_machine

    try:
        host = httpx.URL(url).host if url.startswith("http://") else ""
    except httpx.InvalidURL:
        return  # which is said where it is asked
    if host and not is_own_machine(host):
        click.echo(f"{url} is asked in the clear: whoever is on the way can read what you send", err=True)


def _logout(url: str | None) -> None:
    import httpx

    from modelport.cli.server_connection import DEFAULT_URL
    from modelport.client.login_files import LoginFile
    from modelport.contract.errors import ModelportError

    url = url or DEFAULT_URL
    try:
        file = LoginFile(url)
        with interruptible():
            kept = file.read()
            if kept is None:
                raise click.ClickException(f"nothing is kept for {file.url}: you are not logged in there")
            said = _ended(url, kept)
            with file.turn():
                file.remove()
    except httpx.InvalidURL as error:
        raise click.UsageError(f"Invalid value for 'URL': {error}") from None
    except ModelportError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"what was kept for {file.url} is forgotten; {said}")


def _ended(url: str, kept: Kept) -> str:
    """End the session on the server, too; what has come of that."""
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.errors import RequestRefused
    from modelport.client.exchange import Request, exchange
    from modelport.client.reaching import Asker
    from modelport.contract.errors import ModelportError

    if kept.issuer:
        return _ended_there(kept)
    if not kept.refresh_token:
        return "the key itself goes on: `modelport keys revoke` ends it"
    with ServerConnection(url, who=Asker(is_kept=True)) as server:
        asked = Request("POST", "/v2/logout", repeatable=False)
        try:
            server.connection.run(exchange(asked, server.calls.deadline()))
        except RequestRefused as error:
            return f"the session of {kept.user} has ended already ({error.detail})"
        except ModelportError as error:
            return f"the session of {kept.user} could not be ended ({error}), and ends within 30 days"
    return f"the session of {kept.user} has ended"


def _ended_there(kept: Kept) -> str:
    """Have the issuer end what its tokens are renewed with; what has come of that."""
    from modelport.client.issuers import Issuer
    from modelport.contract.errors import ModelportError

    try:
        is_ended = bool(kept.refresh_token) and Issuer(kept.issuer, kept.client_id).revoke(kept.refresh_token)
    except ModelportError:
        is_ended = False
    if is_ended:
        return f"{kept.issuer} renews it no more"
    return f"what {kept.issuer} has given holds there until it expires: log out there, if you must"


def _url() -> click.Argument:
    return click.Argument(["url"], required=False, envvar="MODELPORT_URL", metavar="[URL]")


login = click.Command(
    "login",
    callback=_login,
    params=[
        _url(),
        click.Option(["user", "--user"], metavar="NAME", help="who you are there [default: it is asked for]"),
        click.Option(
            ["password_stdin", "--password-stdin"], is_flag=True,
            help="the password is the first line of the input",
        ),
        click.Option(
            ["key_stdin", "--key-stdin"], is_flag=True,
            help="keep a key, or a token of the server's issuer: it is asked for, or is the first line of "
            "the input",
        ),
        click.Option(
            ["sso", "--sso"], is_flag=True,
            help="log in at the server's issuer, in a browser on this machine",
        ),
        click.Option(
            ["wait", "--wait"], type=click.IntRange(1, 86400), default=300, show_default=True,
            metavar="SECONDS", help="how long the browser is waited for",
        ),
    ],
    short_help="Log in to a server, for the commands and clients that ask it.",
    help="Log in to the server at URL (MODELPORT_URL, else http://127.0.0.1:5000) with a name and a "
    "password, or at its issuer (--sso). What it gives for them is kept in the folder of your "
    "configuration, where you alone can read it, and is what commands with this --url and Python clients of "
    "this address send, unless they have a key.",
)  # fmt: skip

logout = click.Command(
    "logout",
    callback=_logout,
    params=[_url()],
    short_help="Log out of a server.",
    help="End the session at the server at URL (MODELPORT_URL, else http://127.0.0.1:5000), and forget what "
    "`modelport login` has kept for it.",
)
