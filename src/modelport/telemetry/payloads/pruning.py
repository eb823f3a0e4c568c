"""Removing files of the payload log, with what is known of their predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from modelport.telemetry.payloads.index import Index
from modelport.telemetry.payloads.segments import INDEX, Segment, remove, segments, take_folder


class Pruned(TypedDict):
    """What was removed: files, and the bytes that they had."""

    files: int
    bytes: int


def forget(index: Index, gone: Sequence[Segment]) -> None:
    """Remove files that no lines are added to. Raises `OSError`, `sqlite3.Error`."""
    for segment in gone:
        remove(segment)
        index.forget(segment.name)
    if gone:
        index.commit()


def prune(folder: Path, index: Index, model: str | None, before: float) -> Pruned:
    """Remove the files of a model, or of all, to which nothing was added since `before`."""
    gone = [one for one in segments(folder, model) if one.path.stat().st_mtime < before]
    size = sum(segment.path.stat().st_size for segment in gone)
    forget(index, gone)
    return {"files": len(gone), "bytes": size}


def prune_unused(folder: Path, model: str | None, before: float) -> Pruned:
    """`prune` a log that no server keeps now. Raises `BlockingIOError` if one does, `sqlite3.Error`."""
    if not folder.is_dir():
        return {"files": 0, "bytes": 0}
    lock = take_folder(folder)
    try:
        index = Index(folder / INDEX)
        try:
            return prune(folder, index, model, before)
        finally:
            index.close()
    finally:
        os.close(lock)
