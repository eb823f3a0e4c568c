"""Ending processes for good: the group, and what escaped from it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from modelport.variables import WORKER_MARK

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal the process group that `pid` leads; nothing happens if it is gone, or never was (0)."""
    if pid <= 0:
        return  # 0 would be our own group: a process that could not be started must not end the server
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_marked(mark: str) -> int:
    """Kill every process that carries this worker's mark, also those that left its group. Linux only."""
    wanted = f"{WORKER_MARK}={mark}".encode()
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue
    return killed


def ending(status: int) -> str:
    """A process's end in words: `exit status 3`, `signal SIGKILL`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is no such process (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def resident_bytes(pid: int) -> int:
    """The resident memory of a process (RSS), shared pages included; 0 if it is gone (proc(5))."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
