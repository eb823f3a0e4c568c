"""The folders of the payload logs of servers that share a database and a data folder: one for each.

They are `payloads`, `payloads-2` and so on. A server takes the first that no other one has: so there are as
many as servers have run at once, and whoever has a folder has its predictions, whichever server has kept
them.

What can go wrong, and what is done:

- *A server is started again before the keeper of its earlier life has ended.* For `WAIT_SECONDS` no other
  folder is made.
- *Servers of another database have the same data folder.* Each folder has the name of its database in its
  lock, and is taken for no other.
- *There are fewer servers than before.* What is old goes from the folders that nobody has, too (`left_by`).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from modelport.telemetry.payloads.segments import take_folder

WAIT_SECONDS = 1.0
PAUSE_SECONDS = 0.05
MOST = 1000  # servers of one data folder
MAX_NAME = 200


class Taken(NamedTuple):
    """A folder, and the lock by which it is this process's until that is closed."""

    folder: Path
    lock: int


def take_free(first: Path, store: str, before: str = "") -> Taken:
    """Take a folder that nobody has, of those of the servers of a database: best that which was had `before`.

    Raises `BlockingIOError` if there is none, `OSError` if none can be made.
    """
    ends = monotonic() + WAIT_SECONDS
    while True:
        there = [first, *others(first)]
        for folder in sorted(there, key=lambda one: str(one) != before):  # which leaves the rest in order
            taken = _take(folder, store, may_fail=folder != first)
            if taken is not None:
                return taken
        if monotonic() > ends:
            break
        sleep(PAUSE_SECONDS)
    for number in range(2, MOST):
        folder = _numbered(first, number)
        taken = None if folder.is_dir() else _take(folder, store)
        if taken is not None:
            return taken
    raise BlockingIOError


def others(first: Path) -> Sequence[Path]:
    """The folders beside the first that there are, in their order."""
    found: dict[int, Path] = {}
    for folder in first.parent.glob(f"{first.name}-*"):
        number = folder.name.removeprefix(f"{first.name}-")
        if number.isascii() and number.isdigit() and folder == _numbered(first, int(number)):
            found[int(number)] = folder
    return [found[number] for number in sorted(found)]


@contextmanager
def left_by(first: Path, store: str) -> Generator[list[Path]]:
    """The folders of this database that nobody has now, and that nobody takes while this is open."""
    there = [folder for folder in (first, *others(first)) if folder.is_dir()]
    taken = [_take(folder, store, may_fail=True) for folder in there]
    try:
        yield [one.folder for one in taken if one is not None]
    finally:
        for one in taken:
            if one is not None:
                os.close(one.lock)


def _take(folder: Path, store: str, *, may_fail: bool = False) -> Taken | None:
    """A folder, unless somebody has it, or it is of another database, or it cannot be had and `may_fail`.

    Raises `OSError`.
    """
    try:
        lock = take_folder(folder)
    except BlockingIOError:
        return None
    except OSError:
        if may_fail:
            return None
        raise
    with suppress(OSError):  # a full disk, say: the lock holds without a name
        named = os.pread(lock, MAX_NAME, 0).decode(errors="replace")
        if named and named != store:
            os.close(lock)
            return None
        if not named:
            os.pwrite(lock, store.encode(), 0)
    return Taken(folder, lock)


def _numbered(first: Path, number: int) -> Path:
    return first.with_name(f"{first.name}-{number}")
