"""What the system lets a server have: open files, processes, memory, cores, shared memory."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelport.cli.doctor.seen import Seen
from modelport.settings import Settings
from modelport.settings.written import size_of
from modelport.sources.source import Source

SUBJECT = "limits"
CGROUPS = Path("/sys/fs/cgroup")
MANY_CONNECTIONS = 1000  # the default, which most servers need no more of
THREADS = 64  # that a worker may begin: those of BLAS, of its runner, of the model
SERVER_MIB, WORKER_MIB = 80, 60  # without a model (README, memory)
SHARED = Path("/dev/shm")
LITTLE_SHARED = 64 << 20


def seen_of_limits(settings: Settings, sources: Sequence[Source]) -> Iterator[Seen]:
    """What there is to say of each."""
    workers = sum(settings.of(source.name).most_workers for source in sources) or 1
    processes = workers + settings.job_workers
    yield from _open_files(settings)
    yield from _processes(processes)
    yield from _memory(settings, sources, processes)
    yield from _cores(workers)
    yield from _shared()


def _open_files(settings: Settings) -> Iterator[Seen]:
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections or MANY_CONNECTIONS
    if files == resource.RLIM_INFINITY or files // 2 >= wanted:
        shown = "without limit" if files == resource.RLIM_INFINITY else str(files)
        yield Seen(SUBJECT, "ok", f"open files: {shown}, enough for {wanted} connections")
        return
    higher = f"up to {most}" if most != resource.RLIM_INFINITY else "any number"
    yield Seen(
        SUBJECT, "warning", f"open files: {files}, and so {files // 2} connections, not {wanted}",
        f"raise the limit (ulimit -n, {higher} here; LimitNOFILE= of systemd), or lower max_connections",
    )  # fmt: skip


def _processes(wanted: int) -> Iterator[Seen]:
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    limits = [] if soft == resource.RLIM_INFINITY else [("processes and threads of this user", soft, 0)]
    bounded = _bounded("pids.max", "pids.current")
    if bounded is not None:
        limits.append(("processes and threads of this container (pids.max)", *bounded))
    for what, limit, used in limits:
        if limit - used < wanted * THREADS:
            yield Seen(
                SUBJECT, "warning",
                f"{what}: {limit}, of which {limit - used} are left; {wanted} processes with models may need "
                f"{wanted * THREADS}",
                "raise it (ulimit -u; TasksMax= of systemd; --pids-limit of docker), or lower workers, "
                "job_workers or threads",
            )  # fmt: skip
        else:
            yield Seen(SUBJECT, "ok", f"{what}: {limit}")


def _memory(settings: Settings, sources: Sequence[Source], processes: int) -> Iterator[Seen]:
    free = _available()
    of_group = _bounded("memory.max", "memory.current")
    if of_group is not None:
        most, used = of_group
        free = min(free or most, max(most - used, 0))
    if not free:
        return
    needed = (SERVER_MIB + WORKER_MIB * processes) << 20
    bounded = 0
    for source in sources:
        own = settings.of(source.name)
        bounded += size_of(own.memory_limit) * own.most_workers
    said = f"memory: {free >> 20} MiB can be had"
    if free < needed:
        yield Seen(
            SUBJECT, "warning", f"{said}; a server with {processes} processes takes {needed >> 20} MiB "
            "without the models themselves",
            "give it more, or lower workers and job_workers",
        )  # fmt: skip
    elif bounded > free:
        yield Seen(
            SUBJECT, "warning", f"{said}; the workers may take {bounded >> 20} MiB by their memory_limit",
            "lower memory_limit or workers, or give it more: the system kills who takes too much",
        )  # fmt: skip
    else:
        yield Seen(SUBJECT, "ok", said)


def _cores(workers: int) -> Iterator[Seen]:
    from modelport.contract.current_worker import usable_cores

    cores = usable_cores()
    if workers > cores:
        yield Seen(
            SUBJECT, "note", f"cores: {cores}, and {workers} workers",
            "that is good for models that wait, and not for those that compute: see workers and threads",
        )  # fmt: skip
    else:
        yield Seen(SUBJECT, "ok", f"cores: {cores}")


def _shared() -> Iterator[Seen]:
    try:
        found = os.statvfs(SHARED)
    except OSError:
        return
    size = found.f_blocks * found.f_frsize
    if size <= LITTLE_SHARED:
        yield Seen(
            SUBJECT, "note", f"shared memory: {SHARED} has {size >> 20} MiB",
            "models that load data by several processes (torch's DataLoader) need more: --shm-size of docker",
        )  # fmt: skip


def _available() -> int:
    """Bytes that the system has left, as it reckons itself."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) << 10 if found else 0


def _bounded(most: str, used: str) -> tuple[int, int] | None:
    """A limit of the cgroup of this process (version 2), or of one above it, and what of it is used."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line.removeprefix("0::") for line in lines if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    folder = CGROUPS / own.strip("/")
    for place in (folder, *folder.parents):
        if place != CGROUPS and CGROUPS not in place.parents:
            return None
        with contextlib.suppress(OSError, ValueError):  # the topmost has none; one without a limit says max
            return int((place / most).read_text()), int((place / used).read_text())
    return None
