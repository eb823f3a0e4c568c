"""The command `modelport health`: does the server with these settings answer? For probes that run it."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from modelport.cli.serve_command import GroupedCommand, chosen_settings, read_settings, serve_parameters
from modelport.variables import CLIENT_CERT, CLIENT_KEY

if TYPE_CHECKING:
    from modelport.settings import Settings

ANSWER_SECONDS = 8.0
WELL, FAILED = 0, 1
STATES = {"ready": "/v2/health/ready", "live": "/v2/health/live"}


def _health(sources: tuple[str, ...], config: str | None, live: bool, **options: Any) -> None:
    settings, _ = read_settings(chosen_settings(sources, options), config)
    state = "live" if live else "ready"
    try:
        status = _asked(settings, STATES[state])
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer: {error}", err=True)
        sys.exit(FAILED)
    if status != http.client.OK:
        click.echo(f"not {state}: it answers {status}", err=True)
        sys.exit(FAILED)
    click.echo(state)


def _asked(settings: Settings, path: str) -> int:
    """The status of an answer of the server on this machine that has these settings. Raises `OSError`."""
    from modelport.api.listening import on_this_machine
    from modelport.settings.folders import normal_base_path

    url = urlsplit(on_this_machine(f"http://{_bracketed(settings.host)}:{settings.port}"))
    connection = http.client.HTTPConnection(
        url.hostname or settings.host, settings.port, timeout=ANSWER_SECONDS
    )
    if settings.uds is not None:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.sock.connect(settings.uds)
    else:
        connection.connect()
    if settings.tls_cert is not None:
        connection.sock = _trusting().wrap_socket(connection.sock)
    try:
        connection.request("GET", normal_base_path(settings.base_path) + path, headers={"Host": "localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _trusting() -> ssl.SSLContext:
    """TLS to this machine's own server, whose certificate has the name that others know it by."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate := os.environ.get(CLIENT_CERT):
        context.load_cert_chain(certificate, os.environ.get(CLIENT_KEY))
    return context


command = GroupedCommand(
    "health",
    callback=_health,
    params=[
        *serve_parameters()[:2],
        click.Option(
            ["live", "--live"], is_flag=True, help="ask only whether it lives, and not whether it is ready"
        ),
        *serve_parameters()[2:],
    ],
    short_help="Ask the server of this machine whether it is ready.",
    help="Ask the server that `modelport serve` with the same arguments is, on this machine, whether every "
    "model is ready; the exit status says so. For containers and scripts that can only run a program.",
)
