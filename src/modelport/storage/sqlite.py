"""Connections to a SQLite file of jobs, and what errors of either database mean."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from modelport.storage.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreUnavailable
from modelport.storage.postgres import postgres_meaning

BUSY_SECONDS = 5.0  # how long to wait for a lock that another process holds
READERS = 4
OLDEST_SQLITE = (3, 35, 0)  # the first one with RETURNING


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
        return postgres_meaning(error, name)
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
