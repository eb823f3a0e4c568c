"""`modelport login --sso`: logging in at the issuer of a server, in a browser (RFC 8252)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import click
import msgspec

from modelport.cli.browsers import no_browser, opened
from modelport.cli.loopback import Receiver, receiving
from modelport.cli.server_connection import ServerConnection
from modelport.client.errors import NotFound
from modelport.client.exchange import Request, exchange
from modelport.client.issuers import ERROR, Doors, Issuer, IssuerRefused, new_attempt
from modelport.client.login_files import Kept, LoginFile
from modelport.client.reaching import Asker
from modelport.contract.errors import ModelportError

OTHER_WAYS = "log in with a name and a password, or keep a key or a token with --key-stdin"
NO_CLIENT = (
    "{url} has no issuer at which commands log in (its setting oidc_command_client_id names what they are "
    f"there): {OTHER_WAYS}"
)
NOBODY = (
    "nobody has come back from the issuer within {seconds:g} s: begin again, or wait longer with --wait. A "
    "browser on another machine comes back to a port of that one: `ssh -L PORT:127.0.0.1:PORT` leads it "
    f"here, for the port that the page's redirect_uri has; or {OTHER_WAYS}"
)
OTHERS = "; what did come was the end of another log-in: open the page that is printed, and no older one"
NO_PUBLIC = (
    "{error}. The client {client!r} must be a public one there, without a secret, whose redirect URI is "
    "http://127.0.0.1/callback at any port: who runs the server and its issuer can change that"
)
OF_CLIENTS = ("invalid_client", "unauthorized_client")
NO_TOKEN = (
    "{url} does not take the token that its issuer gives to {client!r}: {error}. It must be a JWT that is "
    "meant for the server (oidc_audience): who runs the server and its issuer can change that"
)


class Way(NamedTuple):
    """The issuer of a server, the client that commands are there, and what that asks for."""

    issuer: Issuer
    scopes: list[str]


class _Command(msgspec.Struct):
    """How a server says that commands log in."""

    issuer: str
    client_id: str
    scopes: list[str]


class _Ways(msgspec.Struct):
    command: _Command | None = None


def log_in(url: str, wait: float, whose: Callable[[str, str], dict[str, Any]]) -> tuple[Kept, dict[str, Any]]:
    """Log somebody in; what is to be kept, and whose it is, which `whose` asks the server."""
    way = _way_of(url)
    issuer = way.issuer
    try:
        doors = issuer.doors()
        made = _tokens(way, doors, wait)
    except IssuerRefused as error:
        is_client = error.error in OF_CLIENTS
        said = NO_PUBLIC.format(error=error.detail, client=issuer.client_id)
        raise click.ClickException(said if is_client else f"{error.detail}: begin again") from None
    except ModelportError as error:
        raise click.ClickException(f"{error}; try again later, or {OTHER_WAYS}") from None
    try:
        me = whose(url, made.token)
    except click.ClickException as error:
        said = NO_TOKEN.format(url=url, client=issuer.client_id, error=error.message)
        raise click.ClickException(said) from None
    return msgspec.structs.replace(made, url=LoginFile(url).url, user=me["name"]), me


def _way_of(url: str) -> Way:
    """How commands log in at the issuer of a server, as that says."""
    with ServerConnection(url, who=Asker(key="")) as server, server.errors():
        asked = Request("GET", "/v2/login")
        try:
            answer = server.connection.run(exchange(asked, server.calls.deadline()))
            command = msgspec.convert(answer.json(), _Ways).command
        except (NotFound, ValueError):  # it is of an earlier version, or none of ours
            command = None
    if command is None:
        raise click.ClickException(NO_CLIENT.format(url=url))
    return Way(Issuer(command.issuer, command.client_id), command.scopes)


def _tokens(way: Way, doors: Doors, wait: float) -> Kept:
    """What the issuer gives for who logs in in a browser."""
    attempt = new_attempt()
    try:
        with receiving(attempt.state) as receiver:
            _open(way.issuer.page(doors, attempt, receiver.redirect_uri, way.scopes))
            code = _code_in(receiver, way.issuer, doors, wait)
            return way.issuer.exchange(doors, attempt, receiver.redirect_uri, code)
    except OSError as error:
        if isinstance(error, ModelportError):
            raise
        raise click.ClickException(f"no port of 127.0.0.1 can be listened at: {error.strerror}") from None


def _open(page: str) -> None:
    """Show a page in the browser of who sits here, and its address anyway."""
    click.echo(f"Log in in a browser, at\n\n  {page}\n", err=True)
    why = no_browser()
    if why:
        click.echo(f"open it yourself: {why}", err=True)
        return

    def run() -> None:
        why = opened(page)
        if why:
            click.echo(f"open it yourself, no browser was: {why}", err=True)

    threading.Thread(target=run, name="open the page", daemon=True).start()


def _code_in(receiver: Receiver, issuer: Issuer, doors: Doors, wait: float) -> str:
    """The code that a browser brings. Raises `ClickException` if it brings none."""
    told = receiver.wait(wait)
    if told is None:
        raise click.ClickException(NOBODY.format(seconds=wait) + (OTHERS if receiver.strangers else ""))
    names = told.get("iss")
    if names != issuer.name and (names is not None or doors.names_itself):
        raise click.ClickException(f"another issuer than {issuer.name} has answered: begin again")
    if "error" in told:
        error = told["error"] if ERROR.fullmatch(told["error"]) else "error"
        raise click.ClickException(
            f"the issuer {issuer.name} has not let you in ({error}): begin again as somebody who may come "
            "in, or ask who runs it"
        )
    code = told.get("code", "")
    if not code:
        raise click.ClickException(f"the issuer {issuer.name} has sent no code: begin again")
    return code
