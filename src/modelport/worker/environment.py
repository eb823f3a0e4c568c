"""What a training ran with: Python, the versions of what it imported, and the commit of its code."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from modelport.home import expanded
from modelport.sources.source import SourceKind

T = TypeVar("T")
MOST_PACKAGES = 200
GIT_SECONDS = 2.0


def environment_of(target: str, kind: SourceKind) -> dict[str, Any]:
    """The environment of this process, for a source of this kind and target. Raises nothing.

    What cannot be found out is empty.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _found(_packages, {}),
        "commit": _found(lambda: _commit(_folder(target, kind)), ""),
    }


def _found(find: Callable[[], T], nothing: T) -> T:
    try:
        return find()
    except Exception:  # modules are objects of anybody's, which may raise anything wherever they are touched
        return nothing


def _packages() -> dict[str, str]:
    """The version of each package that is imported, where it says one."""
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.copy().items(), key=lambda one: str(one[0])):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = _found(partial(_version, module), None)
        if isinstance(version, str) and len(found) < MOST_PACKAGES:
            found[name] = version
    return found


def _version(module: Any) -> Any:
    names: Any = getattr(module, "__dict__", None)  # never by `__getattr__`, which may import or raise
    return None if names is None else names.get("__version__")


def _folder(target: str, kind: SourceKind) -> Path | None:
    """The folder that the model's code lies in."""
    if kind == "file":
        return expanded(target).absolute().parent
    file = getattr(sys.modules.get(target), "__file__", None)
    return Path(file).parent if file else None


def _commit(folder: Path | None) -> str:
    """The commit that is checked out there, with `-dirty` if files differ; empty outside of git."""
    if folder is None or not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return ""
    import subprocess  # trainings only

    asked = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        said = subprocess.run(
            asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git, or a folder of somebody else
        return ""
    return said.stdout.strip()
