"""`modelport.current_worker()`: which process of which model this is, and what it may use."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

CGROUPS = Path("/sys/fs/cgroup")


class CurrentWorker(msgspec.Struct, frozen=True, kw_only=True):
    """What code of a model may ask of the process that it runs in.

    `model` is the name that the model is served by, empty outside of a server. `number` is the place of this
    process among the workers of its model, from 0; one that replaces another takes its place. `device` is
    `cuda:0` where the setting `devices` gives this process one, which is then the first that it sees, and
    `cpu` otherwise. `threads` is how many threads libraries should use.
    """

    model: str = ""
    number: int = 0
    device: str = "cpu"
    threads: int = 1


_current: CurrentWorker | None = None


def current_worker() -> CurrentWorker:
    """The process that this code runs in; outside of a worker it has the CPU and every core."""
    return _current or CurrentWorker(threads=usable_cores())


def set_current_worker(worker: CurrentWorker) -> None:
    """Make `current_worker()` this one, for the rest of this process."""
    global _current
    _current = worker


def usable_cores() -> int:
    """The cores that this process may use: of its affinity, and no more than its cgroup has time for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *map(int, shares_of(_text(Path("/proc/self/cgroup")), CGROUPS))]))


def shares_of(cgroups: str, root: Path) -> list[float]:
    """How many processors' time these cgroups of a process have, and each of those above them, if bounded.

    `cgroups` is as in /proc/self/cgroup, of either version; they are mounted at `root` (cgroups(7)).
    """
    found: list[float | None] = []
    for line in cgroups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers  # the second version has one tree, which has no name
        here = top / path.strip("/")
        found += [_share(folder) for folder in (here, *here.parents) if folder.is_relative_to(top)]
    return [share for share in found if share is not None]


def _share(folder: Path) -> float | None:
    first = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    quota, period = (_text(folder / "cpu.max").split() or first)[:2]
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # `max`, or no such file here
        return None
    return share if share > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
