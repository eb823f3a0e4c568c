"""Runs that are kept as folders: `params.json`, `performance.json` and the file of the model in each.

A folder is one run if it has one of the two files, else its folders are looked at. What is damaged, too
large or leads out of the run's folder is named in a warning, and its run is left out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.home import expanded
from modelport.runs.records import NewRun
from modelport.runs.values import Unreadable, numbers, read_json, seed_of
from modelport.sources.files.opening import is_folder, opened
from modelport.sources.files.recognise import recognised

PARAMS = "params.json"
PERFORMANCE = "performance.json"
FILES = (PARAMS, PERFORMANCE)
MAX_BYTES = 8 << 20  # of one of these files
MAX_FOLDERS = 100_000
MAX_ENTRIES = 100  # of a run's folder, looked at for its model
NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")
MAX_ID = 100


@dataclass(frozen=True)
class _Document:
    """One of the two files: what it says, and when it was last written."""

    values: dict[str, Any]
    changed: float


def read_folder(text: str, model: str, warnings: list[str]) -> list[NewRun]:
    """The runs of a folder, in the order of their names. What is left out is added to `warnings`.

    Raises `ModelLoadError` if there is no such folder, no run in it, or none that can be read.
    """
    folder = expanded(text).absolute()
    if not folder.is_dir():
        reason = "it is no folder" if folder.exists() else "there is no such folder"
        raise ModelLoadError(f"{text}: {reason}; runs are folders with {PARAMS} and {PERFORMANCE}")
    if _is_run(folder):
        return [_run(folder, model, warnings)]
    found = [entry for entry in _entries(folder, MAX_FOLDERS, warnings) if _is_run(entry)]
    runs: list[NewRun] = []
    for entry in found:
        try:
            if not entry.resolve().is_relative_to(folder.resolve()):
                raise ModelLoadError(f"{entry}: it is a link to a folder elsewhere; name that folder itself")
            runs.append(_run(entry, model, warnings))
        except ModelLoadError as error:
            warnings.append(f"{error}; this run is left out")
    if not found:
        raise ModelLoadError(
            f"{text}: there is no run in it: neither the folder nor one in it has {PARAMS} or {PERFORMANCE}"
        )
    if not runs:
        raise ModelLoadError(f"{text}: none of its {len(found)} runs can be read: {warnings[-1]}")
    return runs


def _is_run(folder: Path) -> bool:
    """Also where a file is a link that leads nowhere: then that is to be told."""
    try:
        files = [folder / name for name in FILES]
        return folder.is_dir() and any(path.is_symlink() or path.exists() for path in files)
    except OSError:
        return False


def _entries(folder: Path, most: int, warnings: list[str]) -> list[Path]:
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise ModelLoadError(f"{folder}: it cannot be read: {error.strerror}") from None
    if len(found) > most:
        warnings.append(f"{folder}: only the first {most} of its {len(found)} entries are looked at")
    return found[:most]


def _run(folder: Path, model: str, warnings: list[str]) -> NewRun:
    params = _document(folder, PARAMS)
    performance = _document(folder, PERFORMANCE)
    documents = [one for one in (params, performance) if one is not None]
    said = params.values if params is not None else {}
    known = performance.values if performance is not None else {}
    overall: Any = known.get("overall")
    measured = cast("dict[str, Any]", overall) if isinstance(overall, dict) else known
    return NewRun(
        id=_id_of(folder.name),
        model=model,
        source="directory",
        name=folder.name.encode("utf-8", "replace").decode(),
        finished_at=max(one.changed for one in documents),
        params=said,
        metrics=numbers(measured),
        performance=known,
        saved=_saved(folder, warnings),
        seed=seed_of(said),
    )


def _id_of(name: str) -> str:
    """The folder's name; one that is no safe id is made one, with a part that keeps it apart from others."""
    safe = NOT_IN_IDS.sub("-", name).strip("-.")[:MAX_ID]
    if safe == name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{safe}-{digest}" if safe else digest


def _document(folder: Path, name: str) -> _Document | None:
    """The file, `None` if there is none. Raises `ModelLoadError` for one that cannot be taken over."""
    path = folder / name
    if not path.exists() and not path.is_symlink():
        return None
    if not _is_inside(path, folder):
        raise ModelLoadError(f"{path}: it is a link to a file outside of its run; copy the file there")
    if is_folder(path):
        raise ModelLoadError(f"{path}: it is a folder, not a file; write it again")
    with opened(path) as file:
        try:
            text = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ModelLoadError(f"{path}: it cannot be read: {error.strerror}") from None
    if len(text) > MAX_BYTES:
        raise ModelLoadError(f"{path}: it is over {MAX_BYTES >> 20} MiB, which no {name} needs")
    try:
        return _Document(read_json(text), path.stat().st_mtime)
    except Unreadable as error:
        raise ModelLoadError(f"{path}: {error}; write it again") from None


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead to themselves
        return False


def _saved(folder: Path, warnings: list[str]) -> str:
    """The path of the run's model: the only one in its folder, or the one that is called `model`."""
    found = [
        entry
        for entry in _entries(folder, MAX_ENTRIES, warnings)
        if entry.name not in FILES and not entry.name.startswith(".") and _is_model(entry, folder, warnings)
    ]
    named = [entry for entry in found if entry.name.partition(".")[0] == "model"]
    chosen = named or found
    if len(chosen) > 1:
        listed = ", ".join(entry.name for entry in chosen[:5])
        warnings.append(f"{folder}: it has several models ({listed}); call the one to be served model.…")
    return str(chosen[0]) if len(chosen) == 1 else ""


def _is_model(path: Path, folder: Path, warnings: list[str]) -> bool:
    try:
        recognised(path)
    except ModelLoadError:
        return False
    if not _is_inside(path, folder):
        warnings.append(f"{path}: it is a link to a file outside of its run, and is left out; copy it there")
        return False
    return True
