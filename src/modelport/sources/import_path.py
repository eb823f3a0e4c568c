"""Where a model's own modules are found: after Python's own, so that none of those is hidden by them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path


def import_from(*folders: str) -> None:
    """Find modules in these folders, too: before what is installed, and after Python's standard library.

    A model's `signal.py` would else be what the worker itself and every library import as `signal`.
    """
    new = [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    at = _end_of_standard_library()
    sys.path[at:at] = new


def import_from_last(*folders: str) -> None:
    """Find modules in these folders, too, where no other place has them."""
    sys.path.extend(folder for folder in dict.fromkeys(folders) if folder not in sys.path)


def working_folder() -> list[str]:
    """The working folder, if there is one that this process can know."""
    try:
        return [os.getcwd()]  # noqa: PTH109
    except OSError:  # it was removed, or lies where this user may not look
        return []


def _end_of_standard_library() -> int:
    library = str(Path(os.__file__).parent)
    standard = (library, os.path.join(library, "lib-dynload"))  # noqa: PTH118
    return max((number + 1 for number, place in enumerate(sys.path) if place in standard), default=0)


def hidden_by_python(error: BaseException, folders: Iterable[Path]) -> str:
    """For an import that failed since Python's own module was found and not the model's: what to do.

    Empty for any other error.
    """
    found = error.name if isinstance(error, ImportError) else None
    if isinstance(error, AttributeError):
        found = getattr(error.obj, "__name__", None)
    name = str(found or "").partition(".")[0]
    if name not in sys.stdlib_module_names:
        return ""
    for folder in folders:
        for path in (folder / f"{name}.py", folder / name):
            if path.exists():
                return f" (Python's own module {name!r} comes before {path}: give that another name)"
    return ""
