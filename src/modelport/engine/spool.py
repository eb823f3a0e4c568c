"""The folder where uploads and large answers lie while their request lasts."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from modelport.engine.processes import kill_marked, start_time

FOLDER = re.compile(r"modelport-(\d+)-(\d+)")


class Spool:
    """A private folder of this server process; each call that needs one gets a folder inside.

    Its name holds the process's number and start time, so that a later start can tell the folders of
    servers that were killed from those of servers that live.
    """

    def __init__(self, parent: str | None = None):
        self.parent = Path(parent or tempfile.gettempdir())
        self.root = self.parent / f"modelport-{os.getpid()}-{start_time(os.getpid())}"

    def open(self) -> None:
        """Make the folder, and remove those that killed servers left. Raises `OSError`."""
        self.parent.mkdir(parents=True, exist_ok=True)
        sweep(self.parent)
        self.root.mkdir(mode=0o700, exist_ok=True)

    def folder_of(self, call_id: int) -> Path:
        """Where the files of a call lie. The folder exists only once somebody makes it."""
        return self.root / f"{call_id:x}"

    def remove(self, folder: Path) -> None:
        """Remove a folder of this spool; nothing happens if it is not there."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove the spool folders of servers that are no more."""
    for folder in parent.glob("modelport-*-*"):
        named = FOLDER.fullmatch(folder.name)
        if named is None or folder.is_symlink() or not folder.is_dir():
            continue
        if folder.stat().st_uid == os.getuid() and start_time(int(named[1])) != named[2]:
            for temp in folder.glob("tmp-*"):  # its workers are gone; what they started may not be
                kill_marked(temp.name.removeprefix("tmp-"))
            shutil.rmtree(folder, ignore_errors=True)
