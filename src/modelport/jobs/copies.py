"""Which files in the folders of jobs are copies of what is at the place of shared files, and when each was
used last.

For each copy there is an empty file of its name below `copies` in the data folder, made before the copy is,
and touched when that is used. So a server that was killed knows what it has; what is of its own has no mark.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from time import time
from typing import NamedTuple

from modelport.jobs.folders import JobFolders

FOLDER = "copies"
QUIET_SECONDS = 600.0  # for which what was used is kept: it may be about to be opened


class Copy(NamedTuple):
    """A copy on this disk: its job, its path in the folder of that, and its size in bytes."""

    job_id: str
    path: str
    size: int


class Copies:
    """Those of one server. All calls look at the disk, and belong into a thread; they raise `OSError`."""

    def __init__(self, folders: JobFolders):
        self._folders = folders
        self._marks = folders.root.parent / FOLDER

    def mark(self, job_id: str, path: str) -> None:
        """A copy is going to be made, and used."""
        mark = self._mark(job_id, path)
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch(mode=0o600)

    def used(self, job_id: str, path: str) -> None:
        """A file is used. If it is no copy that is of no interest."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._mark(job_id, path))

    def _mark(self, job_id: str, path: str) -> Path:
        return self._marks / job_id / path

    def unused(self, quiet: float = QUIET_SECONDS) -> tuple[int, list[Copy]]:
        """The bytes of all copies, and those that nobody has used for `quiet` seconds, by when that was.

        Marks of what is gone are removed.
        """
        total, found, before = 0, list[tuple[float, Copy]](), time() - quiet
        marks = [Path(folder) / name for folder, _, names in os.walk(self._marks) for name in names]
        for mark in marks:
            with contextlib.suppress(FileNotFoundError):
                used_at = mark.stat().st_mtime
                copy = self._copy(mark)
                if copy is not None:
                    total += copy.size
                    found.append((used_at, copy))
                elif used_at < before:  # else it is on its way
                    self._unmark(mark)
        return total, [copy for used_at, copy in sorted(found) if used_at < before]

    def _copy(self, mark: Path) -> Copy | None:
        job_id, _, path = mark.relative_to(self._marks).as_posix().partition("/")
        try:
            return Copy(job_id, path, (self._folders.of(job_id) / path).stat().st_size)
        except FileNotFoundError:
            return None

    def remove(self, copy: Copy) -> None:
        """Remove a copy."""
        (self._folders.of(copy.job_id) / copy.path).unlink(missing_ok=True)
        self.is_own(copy)

    def is_own(self, copy: Copy) -> None:
        """It is no copy any more: a job has made another file in its place."""
        self._unmark(self._mark(copy.job_id, copy.path))

    def _unmark(self, mark: Path) -> None:
        mark.unlink(missing_ok=True)
        for folder in mark.parents:
            if folder == self._marks:
                break
            with contextlib.suppress(OSError):  # others are in it
                folder.rmdir()
