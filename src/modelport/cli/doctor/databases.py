"""The database: is it there, whose tables has it, is it in use, and does its clock go as ours does?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, time

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from modelport.cli.doctor.seen import Seen
from modelport.settings import Settings, data_folder
from modelport.settings.groups.access import Auth
from modelport.storage.data_folder import DATABASE, LOCK
from modelport.storage.errors import StoreError
from modelport.storage.migrate import is_usable, version_of
from modelport.storage.postgres import postgres_engine
from modelport.storage.postgres_address import address_of
from modelport.storage.schema.base import HEAD
from modelport.storage.sqlite import meaning, sqlite_engine

SUBJECT = "database"
LOCKS = Path("/proc/locks")
WAIT_SECONDS = 5.0
SLOW_SECONDS = 0.05  # for a question that needs no work
SKEW_SECONDS = 2.0
A_USER = "SELECT 1 FROM users WHERE disabled_at IS NULL LIMIT 1"
A_KEY = "SELECT 1 FROM keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) LIMIT 1"


def seen_of_database(settings: Settings) -> Iterator[Seen]:
    """What there is to say of it. Nothing is written, and no tables are made or changed."""
    folder = data_folder(settings.data_dir)
    file = folder / DATABASE
    if not settings.database_url:
        yield from _seen_of_lock(folder)
        if not file.exists():
            yield Seen(SUBJECT, "ok", f"{file} is not there yet: the first start makes it")
            if settings.auth == Auth.ON:
                yield _no_key()
            return
    try:
        engine = _engine(settings, file)
    except (StoreError, ValueError) as error:
        yield Seen(SUBJECT, "error", str(error), "correct database_url, or leave it out for a SQLite file")
        return
    try:
        began = perf_counter()
        with engine.connect() as connection:
            yield from _asked(
                connection, settings, "the database" if settings.database_url else str(file), began
            )
    except StoreError as error:
        yield Seen(SUBJECT, "error", str(error), "see what the message says; nothing was changed")
    except (SQLAlchemyError, OSError) as error:
        said = meaning(error, str(file)) if isinstance(error, SQLAlchemyError) else None
        yield Seen(
            SUBJECT, "error", f"the database cannot be asked: {said or getattr(error, 'orig', error)}",
            "predictions go on without it, and there are no jobs, runs and keys: see to it first",
        )  # fmt: skip
    finally:
        engine.dispose()


def _engine(settings: Settings, file: Path) -> Engine:
    if settings.database_url:
        return postgres_engine(address_of(settings.database_url), 1, WAIT_SECONDS)
    return sqlite_engine(str(file), read_only=True)


def _asked(connection: Connection, settings: Settings, name: str, began: float) -> Iterator[Seen]:
    version = version_of(connection, name)
    if version is None:
        yield Seen(SUBJECT, "ok", f"{name} is empty: the first start makes its tables")
    elif version == HEAD:
        yield Seen(SUBJECT, "ok", f"{name} answers, and its tables are those of this version ({HEAD})")
    elif version < HEAD:
        yield Seen(
            SUBJECT, "note", f"{name} has tables of version {version}; the next start brings them to {HEAD}",
            "back it up first",
        )  # fmt: skip
    elif is_usable(connection, version):
        yield Seen(
            SUBJECT, "ok", f"{name} has tables of version {version}, of a newer modelport, and can be used"
        )
    else:
        yield Seen(
            SUBJECT, "error", f"{name} has tables of version {version}, and the newest known here is {HEAD}",
            "install the modelport that made them, or use another database",
        )  # fmt: skip
    if connection.dialect.name == "postgresql":
        yield from _seen_of_postgres(connection, began)
    if settings.auth == Auth.ON and not _has_key(connection):
        yield _no_key()


def _seen_of_postgres(connection: Connection, began: float) -> Iterator[Seen]:
    yield Seen(SUBJECT, "ok", f"it was reached and asked within {(perf_counter() - began) * 1000:.0f} ms")
    asked = perf_counter()
    before = time()
    theirs = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    took = perf_counter() - asked
    skew = theirs - (before + took / 2)
    if took > SLOW_SECONDS:
        yield Seen(
            SUBJECT, "warning", f"it takes {took * 1000:.0f} ms to answer a question that needs no work",
            "put server and database nearer to each other: each job waits for several answers",
        )  # fmt: skip
    if abs(skew) > SKEW_SECONDS:
        yield Seen(
            SUBJECT, "warning", f"its clock differs by {skew:+.1f} s from the one here",
            "have both set by NTP: leases and the ends of keys are by the database's, tokens by this one's",
        )  # fmt: skip
    else:
        yield Seen(SUBJECT, "ok", f"its clock differs by {skew * 1000:+.0f} ms from the one here")


def _has_key(connection: Connection) -> bool:
    """Whether there is a key that can be used, or a user who can log in."""
    there = inspect(connection)
    if there.has_table("users") and connection.execute(text(A_USER)).first() is not None:
        return True
    return there.has_table("keys") and connection.execute(text(A_KEY), {"now": time()}).first() is not None


def _no_key() -> Seen:
    return Seen(
        SUBJECT, "note", "auth is on, and there is neither a key that can be used nor a user",
        "make a key, with the same --data-dir or --database-url (modelport keys create --name … --scopes "
        "admin), or open the link that the server prints when it starts",
    )  # fmt: skip


def _seen_of_lock(folder: Path) -> Iterator[Seen]:
    """Whether a server uses the folder. Its lock is not tried: who starts just now would see that."""
    try:
        found = (folder / LOCK).stat()
        locks = LOCKS.read_text()
    except OSError:
        return
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    if any(line.split()[1] == "FLOCK" and line.split()[5] == place for line in locks.splitlines()):
        who = (folder / LOCK).read_text(errors="replace").strip()
        said = f"a server uses {folder} (process {who}); a second one there would have no jobs"
        yield Seen(SUBJECT, "note", said)
