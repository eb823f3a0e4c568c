"""What lies in a data folder by a fixed name, and the lock that gives the folder to one process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

DATABASE = "jobs.sqlite"
LOCK = "lock"


def lock_folder(folder: Path) -> int:
    """Take a data folder for this process; closing the descriptor that is returned lets go of it.

    Raises `BlockingIOError` if another process has it, `OSError` if it cannot be locked.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def note_process(lock: int) -> None:
    """Write into the file of the lock which process has the folder."""
    with contextlib.suppress(OSError):  # a full disk: the lock holds without it
        os.ftruncate(lock, 0)
        os.write(lock, b"%d\n" % os.getpid())
