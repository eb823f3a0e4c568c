"""Files that outlive a power cut: whole under their names, or not there."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

PARTIAL = ".partial"
BATCH = "batch"  # among the checkpoints of a batch job: its answers while it runs


def keep_file(source: str | Path, kept: str | Path) -> Path:
    """Copy a file to `kept`, which is never half a file; `sync` its folder to make the name last.

    Raises `OSError`, for a device too; what stood under the name before is still there then.
    """
    mode = Path(source).stat().st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise shutil.SpecialFileError(f"`{source}` is a device")
    kept = Path(kept)
    partial = kept.with_name(f".{kept.name}{PARTIAL}")
    try:
        shutil.copyfile(source, partial)
        sync(partial)
        partial.replace(kept)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return kept


def keep_folder(source: Path, kept: Path, top: Path) -> list[Path]:
    """Copy a folder to `kept`, below `top`, and into it if it exists; returns the files that came.

    They come once all of it is copied. Raises `OSError`: then nothing of it is there, and what stood there
    before still is.
    """
    staging = Path(tempfile.mkdtemp(prefix=".", suffix=PARTIAL, dir=top))
    try:
        copy = shutil.copytree(source, staging / "copy", copy_function=keep_file)
        files = [path.relative_to(copy) for path in copy.rglob("*") if path.is_file()]
        if not kept.exists():
            copy.replace(kept)
        else:
            _merge(copy, files, kept)
        return [kept / file for file in files]
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _merge(copy: Path, files: list[Path], kept: Path) -> None:
    """Move files into a folder that exists. Raises `OSError` before the first if one has no place."""
    for file in files:
        if (kept / file).is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder of this name is kept already", str(file))
        for folder in file.parents:
            if (kept / folder).exists() and not (kept / folder).is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "a file of this name is kept already", str(folder))
    for file in files:
        (kept / file).parent.mkdir(parents=True, exist_ok=True)
        (copy / file).replace(kept / file)


def is_partial(path: Path) -> bool:
    """True for what is being copied, or was when its process was killed, and for what is in such a folder."""
    return any(part.startswith(".") and part.endswith(PARTIAL) for part in path.parts)


def sync(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: Path, top: Path) -> None:
    """Make `folder`, and every folder above it up to `top`, be found after a power cut. Raises `OSError`."""
    sync(folder)
    for place in folder.parents:
        if place == top.parent:
            return
        sync(place)
