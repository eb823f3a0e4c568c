"""Ends what the models of a process have started, when that process is killed (`kill -9`, or no memory left).

    python -P -m modelport.engine.after_death ROOT

stdin is a pipe whose other end that process holds, and to which nobody writes: it ends when the process does.
A worker dies with its server (`die_with`), but not what its model has started. The name of each worker's
temporary folder under ROOT is its mark, which everything that it has started carries.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from modelport.engine.processes import kill_marked
from modelport.engine.starting import command

TEMP = re.compile(r"tmp-([0-9a-f]{32})")  # of a worker, also of one that a worker has started
KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")


class DeathWatch:
    """The process that watches over this one. It is no child of it: nobody counts it, or ends it, as one."""

    def __init__(self, root: Path):
        theirs, self._ours = os.pipe()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        try:
            subprocess.run(
                command("modelport.engine.after_death", str(root)),
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=kept,
                check=False,
            )
        finally:
            os.close(theirs)

    def end(self) -> None:
        """Watch no longer: nothing is left."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1


def kill_left(root: Path) -> None:
    """Kill what the workers of a spool folder have started, and remove the folder.

    Another process may do that at the same time: `os.walk` passes over folders that are gone.
    """
    for _, folders, _ in os.walk(root):
        for named in filter(None, map(TEMP.fullmatch, folders)):
            kill_marked(named[1])
    shutil.rmtree(root, ignore_errors=True)


def main(root: Path) -> None:
    """Leave the process that has started this one, and wait for its end."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who ends everything at once means what is watched, too
    os.chdir("/")
    while sys.stdin.buffer.read(1):
        pass
    if root.exists():
        kill_left(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
