"""The folders of a server: can it write them, how much room have they, and on what file system are they?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelport.cli.doctor.seen import Seen
from modelport.home import expanded
from modelport.settings import Settings, data_folder

SUBJECT = "folders"
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs")
OF_CONTAINER = ("overlay", "aufs")
IN_MEMORY = ("tmpfs", "ramfs")
FULL, LITTLE = 64 << 20, 1 << 30  # bytes that are left
FEW_FILES = 1000


def seen_of_folders(settings: Settings) -> Iterator[Seen]:
    """What there is to say of `data_dir` and `spool_dir`."""
    data = data_folder(settings.data_dir)
    kind = None
    for name, folder in (("data_dir", data), ("spool_dir", _spool(settings))):
        problem = _not_writable(folder)
        if problem:
            yield Seen(
                SUBJECT, "error", f"{name}: {folder} {problem}",
                f"let this user write it, or name another with --{name.replace('_', '-')}",
            )  # fmt: skip
            continue
        there = _there(folder)
        kind = file_system_of(there)
        yield from _room(name, folder, there)
        if name == "data_dir":
            yield from _kept_on(folder, kind, settings)
        elif kind in NETWORK:
            yield Seen(
                SUBJECT, "warning", f"{name}: {folder} is on a network ({kind}), which makes uploads slow",
                "name a local folder with --spool-dir",
            )  # fmt: skip


def seen_of_logs(settings: Settings) -> Iterator[Seen]:
    """What there is to say of the files that are written to."""
    for name in ("log_file", "access_log_file"):
        given: str | None = getattr(settings, name)
        if not given:
            continue
        file = expanded(given)
        able = os.access(file if file.exists() else file.absolute().parent, os.W_OK)
        if able and not file.is_dir():
            yield Seen(SUBJECT, "ok", f"{name}: {file} can be written")
        else:
            yield Seen(
                SUBJECT, "error", f"{name}: {file} cannot be written",
                f"let this user write it, or name another with --{name.replace('_', '-')}",
            )  # fmt: skip


def _kept_on(folder: Path, kind: str, settings: Settings) -> Iterator[Seen]:
    """Whether what is kept there will be there."""
    if kind in NETWORK and not settings.database_url:
        yield Seen(
            SUBJECT, "warning",
            f"data_dir: {folder} is on a network ({kind}), where the locks and syncs of SQLite are not "
            "to be relied on",
            "name a local folder with --data-dir, or keep jobs in PostgreSQL with --database-url",
        )  # fmt: skip
    elif kind in IN_MEMORY:
        yield Seen(
            SUBJECT, "note", f"data_dir: {folder} is in memory ({kind}): jobs and runs end with the machine",
            "name a folder on a disk with --data-dir",
        )  # fmt: skip
    elif kind in OF_CONTAINER:
        yield Seen(
            SUBJECT, "note", f"data_dir: {folder} is in the container's own layer ({kind}), and ends with it",
            "mount a volume there",
        )  # fmt: skip


def _spool(settings: Settings) -> Path:
    return expanded(settings.spool_dir) if settings.spool_dir else Path(tempfile.gettempdir())


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there


def _not_writable(folder: Path) -> str:
    """Why nothing can be written there; nothing if it can."""
    try:
        there = _there(folder)
        if not there.is_dir():
            return f"cannot be a folder: {there} is none"
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return ""


def _room(name: str, folder: Path, there: Path) -> Iterator[Seen]:
    found = os.statvfs(there)
    free = found.f_bavail * found.f_frsize
    shown = f"{free / (1 << 30):.1f} GiB" if free >= LITTLE else f"{free >> 20} MiB"
    said = f"{name}: {folder} can be written, and has {shown} left"
    if free < FULL:
        yield Seen(SUBJECT, "error", said, "make room: what must be written is answered 507 soon")
    elif free < LITTLE:
        yield Seen(SUBJECT, "warning", said, "make room, or name a larger disk")
    elif found.f_files > 0 and found.f_favail < FEW_FILES:
        yield Seen(
            SUBJECT, "warning", f"{said}, but {found.f_favail} files (inodes) only", "remove files there"
        )
    else:
        yield Seen(SUBJECT, "ok", said)


def file_system_of(folder: Path) -> str:
    """The kind of file system that a folder is on, as the system calls it; empty if that cannot be told."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        place = str(folder.resolve())
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        fields = line.split()
        mount = fields[4].encode().decode("unicode_escape")  # \040 for a space
        is_within = place == mount or place.startswith(mount.rstrip("/") + "/")
        if is_within and len(mount) >= len(best):
            best, kind = mount, fields[fields.index("-") + 1]
    return kind
