"""The URL of a PostgreSQL: what it says, with the words that libpq has for it, and what it may not say.

Nothing of it is ignored: a parameter that is not known here is refused, since it may have been meant to make
the connection safer.
"""

from __future__ import annotations

import getpass
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from modelport.storage.errors import StoreUnavailable

FORM = "postgresql://user:password@host:5432/name"
CONNECT_SECONDS = 5.0
# Whatever happens between server and database, a statement ends: else one lost packet holds up every job.
# Given while connecting, not by SET, which a rollback would undo. What the URL says in `options` comes later
# and counts.
OPTIONS = (
    "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s "
    "-c synchronous_commit=on -c timezone=UTC"
)
# Without TLS, with it if the server has it, with it, and with its certificate checked.
PLAIN, PREFERRED = ("disable",), ("allow", "prefer")
CHECKED = ("verify-ca", "verify-full")
SSL_MODES = (*PLAIN, *PREFERRED, "require", *CHECKED)
PARAMETERS = (
    "application_name", "connect_timeout", "host", "options", "port",
    "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs",
)  # fmt: skip


@dataclass(frozen=True)
class Tls:
    """How a connection is protected: `context` is `None` where it is not; else it may be `required`."""

    context: ssl.SSLContext | None = None
    required: bool = False


@dataclass(frozen=True)
class Address:
    """Where a database is, and how to log in. `servers` are tried in order, each a host and a port."""

    servers: tuple[tuple[str, int], ...]
    database: str
    user: str
    password: str = field(default="", repr=False)
    tls: Tls = Tls()
    connect_seconds: float = CONNECT_SECONDS
    application_name: str = "modelport"
    options: str = OPTIONS

    @property
    def name(self) -> str:
        """What messages call it: without the user and the password."""
        return f"the database {self.database} on {', '.join(host for host, _ in self.servers)}"


def is_postgres(where: str) -> bool:
    """True for the URL of a PostgreSQL; everything else is the path of a SQLite file."""
    return where.startswith(("postgresql:", "postgresql+", "postgres:"))


def address_of(where: str, environment: Mapping[str, str] = os.environ) -> Address:
    """What a URL says. Raises `StoreUnavailable` if it cannot be read, or asks for what cannot be had.

    As with libpq, PGPASSWORD, PGSSLMODE and PGSSLROOTCERT say what the URL does not.
    """
    if where.startswith("postgres:"):
        where = "postgresql:" + where.removeprefix("postgres:")
    try:
        one, several = _parted(where)
        url = make_url(one)
        asked = _asked(url)
        servers = _servers(url, several, asked)
        connect_seconds = int(asked.get("connect_timeout") or 0)
    except (ArgumentError, ValueError):
        raise StoreUnavailable(f"the database URL cannot be read; write {FORM}") from None
    user = url.username or _system_user()
    return Address(
        servers=servers,
        database=url.database or user,
        user=user,
        password=url.password or environment.get("PGPASSWORD", ""),
        tls=_tls(asked, environment, servers),
        connect_seconds=connect_seconds if connect_seconds > 0 else CONNECT_SECONDS,
        application_name=asked.get("application_name", "modelport"),
        options=f"{OPTIONS} {asked.get('options', '')}".strip(),
    )


def _parted(where: str) -> tuple[str, str]:
    """A URL, and the hosts before its path, where these are several: `a:5432,b`, as libpq has it."""
    scheme, slashes, rest = where.partition("://")
    before, mark, parameters = rest.partition("?")
    user, at, after = before.rpartition("@")
    hosts, slash, database = after.partition("/")
    if "," not in hosts:
        return where, ""
    return "".join((scheme, slashes, user, at, slash, database, mark, parameters)), hosts


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        raise StoreUnavailable(f"the database URL names no user; write {FORM}") from None


def _asked(url: URL) -> dict[str, str]:
    """The parameters of the URL; of those given more than once, the values joined by commas, as in libpq."""
    unknown = sorted(set(url.query) - set(PARAMETERS))
    if unknown:
        raise StoreUnavailable(
            f"the database URL says {', '.join(unknown)}, which modelport does not know; "
            f"leave it out, or use what it knows: {', '.join(PARAMETERS)}"
        )
    asked = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    if asked.get("target_session_attrs", "read-write") not in ("read-write", "primary"):
        raise StoreUnavailable(
            "the database URL asks with target_session_attrs for a server that need not take writes; "
            "jobs are written: leave it out"
        )
    return asked


def _servers(url: URL, several: str, asked: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Hosts with their ports: those from before the path, or from `host` and `port`."""
    hosts = asked.get("host", several or url.host or "localhost").split(",")
    ports = asked.get("port", str(url.port or 5432)).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    found: list[tuple[str, int]] = []
    for host, port in zip(hosts, ports, strict=True):
        name, colon, own = host.rpartition(":")
        if colon and own.isdigit() and not host.startswith("/") and (":" not in name or name.endswith("]")):
            host, port = name, own
        elif colon and ":" not in name and not host.startswith("/"):
            raise ValueError(host)
        found.append((host.strip("[]") or "localhost", int(port or "5432")))
    return tuple(found)


def _tls(
    asked: Mapping[str, str], environment: Mapping[str, str], servers: tuple[tuple[str, int], ...]
) -> Tls:
    mode = asked.get("sslmode") or environment.get("PGSSLMODE") or "prefer"
    root = asked.get("sslrootcert") or environment.get("PGSSLROOTCERT")
    if mode not in SSL_MODES:
        raise StoreUnavailable(
            f"the database URL says sslmode={mode}, which is none of {', '.join(SSL_MODES)}"
        )
    required = mode not in (*PLAIN, *PREFERRED)
    if required and any(host.startswith("/") for host, _ in servers):
        raise StoreUnavailable(
            f"sslmode={mode} cannot be had through a Unix socket, which needs no TLS: leave it out"
        )
    if mode in PLAIN:
        return Tls()
    if root and mode in PREFERRED:
        raise StoreUnavailable(
            f"sslrootcert checks nothing with sslmode={mode}: say sslmode=verify-full, or leave it out"
        )
    if (mode != "verify-full" and root == "system") or (mode == "verify-ca" and not root):
        raise StoreUnavailable(
            f"sslmode={mode} would trust any certificate of any public authority: say sslmode=verify-full, "
            "or name the file of your own authority with sslrootcert"
        )
    try:
        return Tls(_context(mode, None if root == "system" else root, asked), required)
    except OSError as error:
        raise StoreUnavailable(
            f"the certificates that the database URL names cannot be used ({error}): check sslrootcert, "
            "sslcert and sslkey"
        ) from error


def _context(mode: str, root: str | None, asked: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode == "verify-full"
    if mode not in CHECKED and not root:  # `require` checks where it can, as libpq does
        context.verify_mode = ssl.CERT_NONE
    if asked.get("sslcert"):
        context.load_cert_chain(asked["sslcert"], asked.get("sslkey"), password=_no_password)
    return context


def _no_password() -> bytes:
    """Instead of asking on the terminal for the password of a key."""
    return b""
