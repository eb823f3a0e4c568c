"""The files of the payload log: a folder for each model, and in it files that follow each other.

What can go wrong, and what is done:

- *A file grows without an end.* It is closed at `file_size`, and the next one begins; the oldest are
  removed when all are more than `keep_size`, or older than `keep_seconds`.
- *Half a line.* A write that a full disk cuts short is taken back. What a power cut leaves of a line is
  moved to a file `….torn` when the log is opened again, and readers pass over a last line without its end.
- *Half a Parquet file.* One is written beside, synced, and then takes the place of its lines.
- *Two servers.* The folder is one server's: another one that is given the same folder keeps no log.
- *Anybody reads it.* Folders are for their owner alone, and so are files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import BinaryIO, NamedTuple
from uuid import UUID, uuid4

LINES, TABLE, TORN = ".jsonl", ".parquet", ".torn"
STAMP = "%Y%m%dT%H%M%S.%fZ"
INDEX = "index.sqlite"
LOCK = "lock"
ID = "id"  # of the log, by which other servers tell it from theirs


class Segment(NamedTuple):
    """A file of the log. `begun` is when its first prediction was asked for, in seconds of the epoch."""

    path: Path
    begun: float

    @property
    def name(self) -> str:
        """What it is called whatever its form is, and unique in the log."""
        return f"{self.path.parent.name}/{self.path.stem}"


def take_folder(folder: Path) -> int:
    """Make the folder of a log, and let it be this process's alone until the descriptor is closed.

    Raises `BlockingIOError` if another one has it, `OSError` if it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def log_id(folder: Path) -> str:
    """What the log of a folder is called by other servers: 32 hexadecimal digits, made once by its keeper.

    Raises `OSError`.
    """
    path = folder / ID
    with contextlib.suppress(FileNotFoundError, ValueError):
        return UUID(path.read_text(encoding="ascii")).hex
    made, partial = uuid4().hex, path.with_suffix(".part")
    with open_own(partial) as file:
        file.write(made.encode())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return made


def segments(folder: Path, model: str | None = None) -> list[Segment]:
    """The files of a model, or of all, the oldest first."""
    pattern = f"{'*' if model is None else model}/*"
    found = [
        Segment(path, begun)
        for path in folder.glob(pattern)
        if path.suffix in (LINES, TABLE) and (begun := _begun(path)) is not None
    ]
    return sorted(found, key=lambda one: (one.begun, one.path.name))


def _begun(path: Path) -> float | None:
    try:
        return datetime.strptime(path.stem, STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def set_torn_aside(folder: Path) -> list[Path]:
    """Move what stands at the end of a file as half a line into one beside it; returns those."""
    made: list[Path] = []
    for partial in folder.glob(f"*/*{TABLE}.part"):
        partial.unlink(missing_ok=True)  # its lines are there still
    for segment in segments(folder):
        if segment.path.suffix != LINES:
            continue
        with segment.path.open("r+b") as file:
            end = _end_of_lines(file)
            size = file.seek(0, os.SEEK_END)
            if end == size:
                continue
            torn = segment.path.with_suffix(f"{LINES}{TORN}")
            file.seek(end)
            with open_own(torn) as aside:
                shutil.copyfileobj(file, aside)
            file.truncate(end)
            made.append(torn)
    return made


def open_own(path: Path) -> BinaryIO:
    """Open a new file for writing that its owner alone may read. Raises `OSError`."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last line that is whole ends."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        begin = max(position - (1 << 16), 0)
        file.seek(begin)
        newline = file.read(position - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        position = begin
    return 0


class OpenSegment:
    """The file of a model that lines are added to."""

    def __init__(self, folder: Path, model: str, at: float):
        place = folder / model
        place.mkdir(mode=0o700, exist_ok=True)
        stamp = datetime.fromtimestamp(at, UTC).strftime(STAMP)
        self.segment = Segment(place / f"{stamp}{LINES}", at)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.segment.path, flags, 0o600)
        self.size = os.fstat(self._file).st_size
        self._is_dirty = False
        self._opened_at = monotonic()

    @property
    def age(self) -> float:
        """For how many seconds lines have been added."""
        return monotonic() - self._opened_at

    def add(self, line: bytes) -> None:
        """Add a line, all of it or nothing. Raises `OSError`, as of a full disk."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            if written:
                os.ftruncate(self._file, self.size)
            raise
        self.size += written
        self._is_dirty = True

    def sync(self) -> None:
        """Let what was written outlive a power cut."""
        if self._is_dirty:
            self._is_dirty = False
            os.fsync(self._file)

    def close(self) -> None:
        """Add no more. What is not synced is lost by a power cut only."""
        with contextlib.suppress(OSError):
            self.sync()
        os.close(self._file)


def removable(folder: Path, is_open: set[Path], keep_size: int, older_than: float) -> Iterator[Segment]:
    """The files that are to go: the oldest, until what is left has `keep_size` bytes, and is younger.

    Files that lines are added to stay. `keep_size` 0 is any size, `older_than` a time of the epoch.
    """
    found = [(segment, segment.path.stat()) for segment in segments(folder)]
    total = sum(state.st_size for _, state in found)
    for segment, state in found:
        if segment.path in is_open:
            continue
        if (keep_size and total > keep_size) or state.st_mtime < older_than:
            total -= state.st_size
            yield segment


def remove(segment: Segment) -> None:
    """Remove a file, and what was set aside of it."""
    segment.path.unlink(missing_ok=True)
    segment.path.with_suffix(f"{LINES}{TORN}").unlink(missing_ok=True)
