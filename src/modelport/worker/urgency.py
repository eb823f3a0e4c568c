"""How urgent a worker is: below the server for jobs, and below those who answer while it loads (Linux).

A process of the policy SCHED_BATCH, unlike others, never interrupts one that runs in order to wake up, see
sched(7). It keeps its share of the processor, so that nothing waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path


def give_way(nice: int) -> None:
    """Let others go first from now on, by this much of nice(2); 0 changes nothing."""
    os.nice(nice)
    if nice and _is_usual():
        _set_policy("SCHED_BATCH", [0])


@contextlib.contextmanager
def giving_way() -> Generator[None]:
    """Let others go first until the end, then be as urgent as they are, with all threads begun meanwhile.

    A policy that somebody has chosen for the server, such as by chrt(1), stays as it is.
    """
    if not _is_usual():
        yield
        return
    _set_policy("SCHED_BATCH", [0])
    try:
        yield
    finally:
        _set_policy("SCHED_OTHER", _threads())


def _is_usual() -> bool:
    """True if nobody has chosen another policy than the one that every process has."""
    if sys.platform != "linux":
        return False
    try:
        return os.sched_getscheduler(0) == os.SCHED_OTHER
    except OSError:  # a sandbox may forbid it
        return False


def _threads() -> list[int]:
    try:
        return [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    except OSError:
        return [0]


def _set_policy(policy: str, threads: list[int]) -> None:
    if sys.platform != "linux":
        return
    for thread in threads:
        with contextlib.suppress(OSError):  # a sandbox may forbid it, and a thread may have ended
            os.sched_setscheduler(thread, getattr(os, policy), os.sched_param(0))
