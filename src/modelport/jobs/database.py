"""Connections to the database of jobs: a SQLite file or a PostgreSQL, and what their errors mean."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from modelport.jobs.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

BUSY_SECONDS = 5.0  # how long to wait for a lock that another process holds
READERS = 4
OLDEST_SQLITE = (3, 35, 0)  # the first one with RETURNING
# Whatever happens between server and database, a statement ends: else one lost packet holds up every job.
POSTGRES = {
    "connect_timeout": "5",
    "target_session_attrs": "read-write",  # after a failover, not the old primary
    "application_name": "modelport",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
    " -c synchronous_commit=on -c timezone=UTC",
}
# States of PostgreSQL that pass: connection lost, login refused, conflict, no resources, shut down,
# lock not to be had, no such database.
PASSING = frozenset({"08", "28", "40", "53", "57", "55P03", "3D000"})


def is_postgres(where: str) -> bool:
    """True for the URL of a PostgreSQL; everything else is the path of a SQLite file."""
    return where.startswith(("postgresql:", "postgresql+", "postgres:"))


def postgres_url(where: str) -> URL:
    """The URL with the driver and the timeouts. Raises `StoreUnavailable` if it is none."""
    if where.startswith("postgres:"):
        where = "postgresql:" + where.removeprefix("postgres:")
    try:
        url = make_url(where).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise StoreUnavailable(
            "the database URL cannot be read; write postgresql://user:password@host:5432/name"
        ) from None
    given = {name: value for name, value in POSTGRES.items() if name not in url.query}
    return url.update_query_dict(given)


def postgres_engine(url: URL) -> Engine:
    """An engine on PostgreSQL. Raises `StoreUnavailable` if its driver is not installed."""
    try:
        # One connection more than readers need: the writer's.
        return create_engine(url, pool_size=READERS + 1, max_overflow=2, pool_timeout=BUSY_SECONDS)
    except ImportError as error:
        raise StoreUnavailable(
            "PostgreSQL needs its driver: pip install 'modelport[postgres]', or leave out --database-url"
        ) from error


def sqlite_engine(path: str, *, read_only: bool = False) -> Engine:
    """An engine on a SQLite file: the one that writes (one connection), or the one that reads."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnavailable(
            f"Python's SQLite is {sqlite3.sqlite_version}, jobs need 3.35 or newer: use a newer Python"
        )
    engine = create_engine(
        URL.create("sqlite", database=path),
        pool_size=READERS if read_only else 1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction: `begun` does
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA journal_size_limit = 67108864")
        cursor.close()

    def begun(connection: Any) -> None:
        # A writer that begins as a reader gets BUSY at once when it turns into a writer.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def meaning(error: Exception, name: str) -> StoreError | None:
    """What a database error means to people; `None` if it is a bug of ours. `name` says which database."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_meaning(cause, name)
    if isinstance(error, DBAPIError):
        return _postgres_meaning(error, name)
    return None


def _sqlite_meaning(error: sqlite3.Error, name: str) -> StoreError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no room is left for {name}: free some on its disk, or remove old jobs")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(
            f"{name} has been locked by another process for {BUSY_SECONDS:.0f} seconds: try again, "
            "or find that process (fuser shows it)"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(name, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreReadOnly(
            f"{name} cannot be written ({error}): let the user that runs modelport write it and its folder"
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreUnavailable(f"the disk under {name} failed ({error}): see the system's log, dmesg")
    return None


def damaged(name: str, what: str) -> StoreDamaged:
    """The error for a SQLite file that is not intact."""
    return StoreDamaged(
        f"{name} is damaged ({what}). Nothing was changed. Restore it from a backup; or save what is left "
        f"with sqlite3's .recover; or move it away, with its -wal and -shm, to begin without jobs"
    )


def fsync_failed(error: Exception) -> bool:
    """True if the disk refused to sync: nobody knows then what it holds, and asking again would lie."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0)
    return code in (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)


def _postgres_meaning(error: DBAPIError, name: str) -> StoreError | None:
    state = getattr(error.orig, "sqlstate", None)
    reason = " ".join(str(error.orig).split()) or "no reason given"
    if state == "53100":
        return StoreFull(f"no room is left for {name}: free some on its disk, or remove old jobs")
    if state == "25006":
        return StoreReadOnly(f"{name} can only be read, as a standby: point --database-url at the primary")
    if state is not None and state.startswith("XX"):
        return StoreDamaged(f"{name} has an internal error ({reason}): see the log of PostgreSQL")
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    passing = state is not None and (state[:2] in PASSING or state in PASSING)
    if lost or passing:
        return StoreUnavailable(f"{name} cannot be used now ({reason}): it will be tried again")
    return None


def worth_repeating(error: Exception) -> bool:
    """True if PostgreSQL chose this work to give way to another server's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) in ("40P01", "40001")
