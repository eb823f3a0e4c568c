"""Which server processes live: each holds a lock on a file in the shared data folder while it does.

The kernel lets go of the lock when the process ends, however it ends, and shows it to every process of the
machine, in whichever container and under whichever host name. Servers on other machines are judged by their
leases and by age: not every file system tells of their locks.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

LOCK = "lock"
OLD_SECONDS = 86400.0  # no upload takes so long


class Presence:
    """This server process among those of a data folder; `enter` it once.

    `name` is one that no other process ever has. The folder of a server holds, beside its lock, an empty file
    for each job whose upload it has begun and which is not in the store yet. `store` tells servers with
    another database apart.
    """

    def __init__(self, data_dir: Path, store: str):
        self.root = data_dir / "servers" / store
        self.name = f"{boot_id()}.{secrets.token_hex(16)}"
        self._lock = -1

    def enter(self) -> None:
        """Show that this process lives. Raises `OSError`."""
        folder = self.root / self.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def leave(self) -> None:
        """This process has nothing more to do with the folder."""
        if self._lock >= 0:
            self.forget(self.root / self.name, [])
            os.close(self._lock)
            self._lock = -1

    def is_gone(self, name: str) -> bool:
        """True if the server of this name was one of this machine and is no more; false if nobody can say."""
        boot, _, rest = name.partition(".")
        if not boot or boot != boot_id() or not rest.isalnum() or name == self.name:
            return False
        try:
            lock = os.open(self.root / name / LOCK, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(lock)
        return True

    # -- uploads -----------------------------------------------------------------------------------

    def begin_upload(self, job_id: str) -> None:
        """Note that files of a job will be written. Raises `OSError`."""
        folder = self.root / self.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / job_id).touch(mode=0o600)

    def end_upload(self, job_id: str) -> None:
        """The job is in the store, or its files are removed."""
        (self.root / self.name / job_id).unlink(missing_ok=True)

    def left_uploads(self) -> list[tuple[Path, list[str]]]:
        """The folders of servers that are gone, and the jobs whose uploads these had begun.

        Of a server of another machine, which may live, only what is old.
        """
        found: list[tuple[Path, list[str]]] = []
        for folder in self.root.glob("*.*"):
            gone = self.is_gone(folder.name)
            jobs = [path for path in folder.glob("*") if path.name.isalnum() and path.name != LOCK]
            if folder.name != self.name and (gone or _is_old(folder)):
                found.append((folder, [path.name for path in jobs if gone or _is_old(path)]))
        return found

    def forget(self, folder: Path, jobs: list[str]) -> None:
        """Remove a folder that `left_uploads` gave, whose jobs have been looked after."""
        for name in (*jobs, LOCK):
            (folder / name).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            pass  # something else is noted there


def boot_id() -> str:
    """A name for this machine since it was started; empty where none is to be had (random(4))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > OLD_SECONDS
    except OSError:
        return False
