"""Connections to a PostgreSQL, through pg8000.

The sockets are made here, so that every wait has an end and TLS is what the URL asks for. And a connection
whose answer was not read to its end is never used again: the next statement would get that answer.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import ssl
import struct
from typing import Any, cast

from sqlalchemy import Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from modelport.storage.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreUnavailable
from modelport.storage.postgres_address import Address, Tls
from modelport.storage.postgres_servers import Servers

ANSWER_SECONDS = 40.0  # longer than `statement_timeout`: the database itself says it better
# Of TCP, where the system has them: a machine that is gone is noticed within seconds, soon enough to renew
# leases elsewhere before jobs are given up.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 6_000}
TLS_PLEASE = struct.pack("!ii", 8, 80877103)
# States of PostgreSQL that pass: connection lost, login refused, conflict, no resources, shut down,
# lock not to be had, no such database.
PASSING = frozenset({"08", "28", "40", "53", "57", "55P03", "3D000"})
READ_ONLY = "25006"


def postgres_engine(
    address: Address, pool_size: int, pool_seconds: float, servers: Servers | None = None
) -> Engine:
    """An engine on PostgreSQL, with what is known of its `servers`, if anything is.

    Raises `StoreUnavailable` if its driver is not installed.
    """
    driver = the_driver()
    asked = servers or servers_of(address)

    def connect(*_arguments: object) -> Any:
        return connected(driver, address, asked)

    def failed(context: ExceptionContext) -> BaseException | None:
        said = _after_failure(driver, context)
        if context.is_disconnect and context.invalidate_pool_on_disconnect and context.connection is not None:
            asked.lost()
        return said

    def close(dbapi_connection: Any) -> None:
        try:
            dbapi_connection.close()
        except driver.Error:  # it cannot say goodbye, but is closed: a cut is told where it is met
            pass

    engine = create_engine(
        "postgresql+pg8000://", pool_size=pool_size, max_overflow=2, pool_timeout=pool_seconds
    )
    # Many events in one statement: the driver would send and await each by itself.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    engine.dialect.do_close = close
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    event.listen(engine, "handle_error", failed, retval=True)
    return engine


def servers_of(address: Address) -> Servers:
    """The servers of an address. Raises `StoreUnavailable` if the driver is not installed."""
    return Servers(address.servers, the_driver().Error)


def the_driver() -> Any:
    """The module pg8000. Raises `StoreUnavailable` if it is not installed."""
    try:
        return importlib.import_module("pg8000")
    except ImportError as error:
        raise StoreUnavailable(
            "PostgreSQL needs its driver: pip install 'modelport[postgres]', or leave out --database-url"
        ) from error


def _without_nul(
    _connection: object, _cursor: object, statement: str, sent: Any, _context: object, many: bool
) -> tuple[str, Any]:
    """PostgreSQL has no NUL in a text, and fails where it is sent one. As it is kept, so it is looked for."""
    # Of many rows that one statement inserts, the driver is sent the values one after another.
    are_rows = many and bool(sent) and isinstance(sent[0], tuple | list)
    rows: Any = sent if are_rows else [sent]
    if not any(isinstance(value, str) and "\0" in value for row in rows for value in row):
        return statement, sent
    found = [tuple(map(_plain, row)) for row in rows]
    return statement, found if are_rows else found[0]


def _plain(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


# -- connecting ------------------------------------------------------------------------------------


def connected(driver: Any, address: Address, servers: Servers) -> Any:
    """A connection to the first of the `servers` that answers and is no standby.

    Raises only the driver's errors, which never hold the password.
    """
    return servers.connect(lambda server: _connect(driver, address, server))


def _connect(driver: Any, address: Address, server: tuple[str, int]) -> Any:
    """A connection that takes writes. Raises only the driver's errors, which never hold the password."""
    host, port = server
    opened: socket.socket | None = None
    try:
        opened = _socket(server, address.connect_seconds)
        opened = _protected(opened, host, address.tls)
        connection = _connection_class(driver)(
            address.user,
            host=host,
            database=address.database,
            password=address.password,
            ssl_context=False,  # that is done
            application_name=address.application_name,
            startup_params={"options": address.options},
            sock=opened,
        )
        _refuse_standby(driver, connection)
        opened.settimeout(ANSWER_SECONDS)
    except driver.Error as error:
        _close(opened)
        if error.args and isinstance(error.args[0], dict):
            raise  # the server's own words
        raise driver.InterfaceError(f"{host} port {port}: {_reason(error.__cause__ or error)}") from error
    except Exception as error:
        _close(opened)
        raise driver.InterfaceError(f"{host} port {port}: {_reason(error)}") from error
    return connection


@functools.cache
def _connection_class(driver: Any) -> Any:
    """The driver's connection, but it closes what it buffers for its socket, which is the collector's else.

    Since Python 3.13 the collector writes to stderr what a connection that was cut makes of that.
    """

    class Connection(driver.Connection):
        def close(self) -> None:
            buffered: Any = self._sock
            try:
                driver.Connection.close(self)
            finally:
                if buffered is not None:
                    with contextlib.suppress(OSError):  # its end of the connection is gone
                        buffered.close()

    return Connection


def _socket(server: tuple[str, int], seconds: float) -> socket.socket:
    host, port = server
    if host.startswith("/"):
        local = socket.socket(socket.AF_UNIX)
        try:
            local.settimeout(seconds)
            local.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            local.close()
            raise
        return local
    remote = socket.create_connection(server, seconds)
    remote.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    remote.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            remote.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return remote


def _protected(plain: socket.socket, host: str, tls: Tls) -> socket.socket:
    """The connection under TLS, or as it is if the server has none and none is required."""
    if tls.context is None or host.startswith("/"):
        return plain
    plain.sendall(TLS_PLEASE)
    answer = plain.recv(1)  # no more than that: what follows must come under TLS
    if answer == b"S":
        return tls.context.wrap_socket(plain, server_hostname=host)
    if answer != b"N":
        raise ConnectionError("it does not answer as a PostgreSQL does")
    if tls.required:
        raise ConnectionError("it has no TLS, which sslmode requires")
    return plain


def _refuse_standby(driver: Any, connection: Any) -> None:
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SHOW transaction_read_only")
    (answer,) = cursor.fetchone()
    cursor.close()
    connection.autocommit = False
    if answer == "on":
        connection.close()
        raise driver.DatabaseError({"C": READ_ONLY, "M": "it takes no writes"})


def _close(opened: socket.socket | None) -> None:
    if opened is not None:
        opened.close()


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


# -- errors ----------------------------------------------------------------------------------------


def _after_failure(driver: Any, context: ExceptionContext) -> BaseException | None:
    """Drop a connection that failed in any way but by an error that the server sent, and say it is lost.

    The driver lets errors of the socket through as they are, and SQLAlchemy knows only its own.
    """
    error = context.original_exception
    state = _state(error)
    if state == READ_ONLY and context.connection is not None:
        context.is_disconnect = True  # a failover: what is connected anew looks for the new primary
    if context.connection is None or state is not None:
        return None
    if context.statement is not None and context.execution_context is None:
        return None  # nothing was sent
    context.is_disconnect = True
    lost = (OSError, ValueError, LookupError, struct.error, driver.InterfaceError)
    if not isinstance(error, lost) or isinstance(error, UnicodeEncodeError):
        context.invalidate_pool_on_disconnect = False  # a value that could not be sent: the others are whole
    elif context.sqlalchemy_exception is None:
        return OperationalError(context.statement, None, error, connection_invalidated=True)
    return None


def _fields(error: BaseException | None) -> dict[str, str]:
    """What the server said of an error, by the letters of its protocol; empty if it said nothing."""
    first: object = error.args[0] if error is not None and error.args else None
    return cast("dict[str, str]", first) if isinstance(first, dict) else {}


def _state(error: BaseException | None) -> str | None:
    return _fields(error).get("C")


def said_of(error: BaseException | None) -> str:
    """What an error of the driver says, in a line."""
    said = _fields(error).get("M") or str(error)
    return " ".join(said.split()) or "no reason given"


def postgres_meaning(error: DBAPIError, name: str) -> StoreError | None:
    """What an error means to people; `None` if it is a bug of ours. `name` says which database."""
    state = _state(error.orig)
    reason = said_of(error.orig)
    if state == "53100":
        return StoreFull(f"no room is left for {name}: free some on its disk, or remove old jobs")
    if state == READ_ONLY:
        return StoreReadOnly(f"{name} can only be read, as a standby: point --database-url at the primary")
    if state is not None and state.startswith("XX"):
        return StoreDamaged(f"{name} has an internal error ({reason}): see the log of PostgreSQL")
    passing = state is not None and (state[:2] in PASSING or state in PASSING)
    if error.connection_invalidated or state is None or passing:
        return StoreUnavailable(f"{name} cannot be used now ({reason}): it will be tried again")
    return None


def worth_repeating(error: Exception) -> bool:
    """True if PostgreSQL chose this work to give way to another server's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return _state(cause) in ("40P01", "40001")
