"""What the writer of a source that does not exist may have meant."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from itertools import islice
from pathlib import Path

SUFFICIENT = 0.7
MAX_NAMES = 3
MAX_FILES = 1000


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean 'this' or 'that'?`, or nothing where no known name is near."""
    return _meant(_near(wrong, known))


def near_files(path: Path) -> str:
    """Files beside a missing one whose names are near, or the same file in a folder of a near name."""
    parent = path.parent
    if parent.is_dir():
        beside = _names(parent, ".py" if path.suffix == ".py" else "")
        near = _near(path.name, beside)
        return _meant([str(path.with_name(name)) for name in near])
    above = parent.parent
    folders = _near(parent.name, [p.name for p in above.iterdir() if p.is_dir()] if above.is_dir() else [])
    found = [above / name / path.name for name in folders]
    return _meant([str(p) for p in found if p.is_file()])


def _names(folder: Path, suffix: str) -> list[str]:
    try:
        return [p.name for p in islice(folder.iterdir(), MAX_FILES) if p.name.endswith(suffix)]
    except OSError:  # a folder that may be entered, but not listed
        return []


def near_modules(missing: str) -> str:
    """Modules beside a missing one whose names are near."""
    package, dot, name = missing.rpartition(".")
    paths = list(getattr(import_module(package), "__path__", [])) if package else None
    known = {m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")}
    return _meant([package + dot + near for near in _near(name, known)])


def _near(wrong: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(wrong, list(known), MAX_NAMES, SUFFICIENT)


def _meant(names: list[str]) -> str:
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""
