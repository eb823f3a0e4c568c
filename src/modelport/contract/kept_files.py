"""Files that outlive a power cut: whole under their names, or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def keep_file(source: str | Path, kept: str | Path) -> Path:
    """Copy a file to `kept`, which is never half a file; `sync` its folder to make the name last.

    Raises `OSError`; what stood under the name before is then still there.
    """
    kept = Path(kept)
    partial = kept.with_name(f".{kept.name}.partial")
    shutil.copyfile(source, partial)
    sync(partial)
    partial.replace(kept)
    return kept


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
