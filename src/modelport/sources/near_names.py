"""What the writer of a source that does not exist may have meant."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

from modelport.contract.nearest import MAX_NAMES, did_you_mean, meant, nearest
from modelport.sources.import_path import working_folder

__all__ = ["did_you_mean", "near_files", "near_modules"]

MAX_FILES = 1000


def near_files(path: Path) -> str:
    """Files beside a missing one whose names are near, or the same file in a folder of a near name."""
    parent = path.parent
    if parent.is_dir():
        beside = _names(parent, ".py" if path.suffix == ".py" else "")
        near = nearest(path.name, beside) or _of_stem(path, parent)
        return meant([str(path.with_name(name)) for name in near])
    above = parent.parent
    folders = nearest(parent.name, [p.name for p in above.iterdir() if p.is_dir()] if above.is_dir() else [])
    found = [above / name / path.name for name in folders]
    return meant([str(p) for p in found if p.is_file()])


def _names(folder: Path, suffix: str) -> list[str]:
    try:
        return [p.name for p in islice(folder.iterdir(), MAX_FILES) if p.name.endswith(suffix)]
    except OSError:  # a folder that may be entered, but not listed
        return []


def near_modules(missing: str, written: str) -> str:
    """Modules beside a missing one whose names are near, or what was written as the name of a file."""
    package, dot, name = missing.rpartition(".")
    paths = (
        list(getattr(import_module(package), "__path__", [])) if package else [*working_folder(), *sys.path]
    )
    known = {m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")}
    beside = [name for name in _names(Path(), "") if not name.endswith(".py")]  # those are modules, too
    files = nearest(written, beside) or [name for name in _of_stem(Path(written), Path()) if name in beside]
    return meant(files or [package + dot + near for near in nearest(name, known)])


def _of_stem(path: Path, folder: Path) -> list[str]:
    """Files of the same name that end otherwise: `churn.joblib` for `churn` and `churn.pkl`."""
    names = [name for name in _names(folder, "") if "." in name and Path(name).stem == path.stem]
    return sorted(names)[:MAX_NAMES]
