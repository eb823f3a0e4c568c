"""Opening a SQLite file of jobs with care: it is checked, never repaired, never made anew where one was."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from modelport.contract.kept_files import sync
from modelport.storage.errors import StoreReadOnly
from modelport.storage.migrate import migrate
from modelport.storage.sqlite import damaged, sqlite_engine


def prepare(path: Path) -> None:
    """Make the file if there is none, check it, bring its tables to this version.

    Raises `StoreDamaged`, `StoreReadOnly`, `StoreTooNew`, and database errors.
    """
    with _one_at_a_time(path):
        if not path.exists():
            _make(path)
            return
        if path.stat().st_size == 0:
            raise damaged(str(path), "it is empty")
        # SQLite opens a file that it may only read without a word, and fails at the first job.
        if not os.access(path, os.W_OK):
            raise StoreReadOnly(
                f"{path} cannot be written: let the user that runs modelport write it and its folder, "
                "or give another one with --data-dir"
            )
        _check(path)
        engine = sqlite_engine(str(path))
        try:
            migrate(engine, str(path))
        finally:
            engine.dispose()


def _make(path: Path) -> None:
    """A new database, complete before it gets its name: what is found under that name later is whole."""
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise damaged(str(path), f"the file is missing, but {wal.name} is there")
    unfinished = path.with_name(path.name + ".new")
    for rest in ("", "-wal", "-shm"):
        unfinished.with_name(unfinished.name + rest).unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    engine = sqlite_engine(str(unfinished))
    try:
        migrate(engine, str(path))
    finally:
        engine.dispose()  # the last connection moves everything from the -wal into the file
    unfinished.rename(path)
    sync(path.parent)


def _check(path: Path) -> None:
    engine = sqlite_engine(str(path), read_only=True)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalars().all()
    finally:
        engine.dispose()
    if found != ["ok"]:
        raise damaged(str(path), "; ".join(str(line) for line in found).replace("\n", " "))


@contextmanager
def _one_at_a_time(path: Path) -> Generator[None]:
    """Two servers that start at once on one file take turns here."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreReadOnly(
            f"{path} cannot be opened ({error.strerror}): let the user that runs modelport write its folder, "
            "or give another one with --data-dir"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
