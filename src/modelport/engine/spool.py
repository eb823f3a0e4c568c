"""The folder where uploads and large answers lie while their request lasts."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from modelport.engine.after_death import kill_left
from modelport.engine.processes import start_time

FOLDER = re.compile(r"modelport-(\d+)-(\d+)(-[0-9a-f]+)?")


class Spool:
    """A private folder of one engine; each call that needs one gets a folder inside.

    Its name holds the process's number and start time, so that a later start can tell the folders of
    servers that were killed from those of servers that live; a process may have several engines.
    """

    def __init__(self, parent: str | None = None):
        self.parent = Path(parent or _temporary())
        process = f"{os.getpid()}-{start_time(os.getpid())}"
        self.root = self.parent / f"modelport-{process}-{secrets.token_hex(4)}"
        self._lock = -1

    def open(self) -> None:
        """Make the folder, and remove those that killed servers left. Raises `OSError`."""
        self.parent.mkdir(parents=True, exist_ok=True)
        sweep(self.parent)
        while self._lock < 0:
            self.root.mkdir(mode=0o700)  # nobody else made it: what lies there is trusted
            self._hold()

    def _hold(self) -> None:
        """Show every process of this machine, in any container, that the folder is in use."""
        try:
            self._lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return  # another server took it for one that was left
        with contextlib.suppress(OSError):  # some file systems have no locks for folders
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        if not self.root.exists():
            self._release()

    def _release(self) -> None:
        os.close(self._lock)
        self._lock = -1

    def folder_of(self, call_id: int) -> Path:
        """Where the files of a call lie. The folder exists only once somebody makes it."""
        return self.root / f"{call_id:x}"

    def remove(self, folder: Path) -> None:
        """Remove a folder of this spool; nothing happens if it is not there."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self._lock >= 0:
            self._release()


def check_path(path: Path) -> None:
    """Raise `OSError` for a path that cannot be told to a worker: it is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise OSError(
            errno.EILSEQ, "this path is no UTF-8; choose another folder", ascii(str(path))
        ) from None


def _temporary() -> str:
    """The system's temporary folder. Raises `OSError` if there is none that can be written."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise OSError(
            error.errno, f"{error.strerror}; give another with TMPDIR, or serve with --spool-dir"
        ) from None


def sweep(parent: Path) -> None:
    """Remove the spool folders of servers that are no more."""
    for folder in parent.glob("modelport-*-*"):
        named = FOLDER.fullmatch(folder.name)
        if named is not None and _is_mine(folder) and start_time(int(named[1])) != named[2]:
            _remove(folder)


def _is_mine(folder: Path) -> bool:
    """Whether this user has made it. False if its server removes it meanwhile."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _remove(folder: Path) -> None:
    """Remove a spool folder, unless a process holds it that cannot be seen from here: another container's."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        if _is_held(lock):
            return
        kill_left(folder)  # its workers are gone; what they started may not be
    finally:
        os.close(lock)


def _is_held(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # some file systems have no locks for folders
    return False
