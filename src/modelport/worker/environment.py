"""What a training ran with: Python, the versions of what it imported, and the commit of its code."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

MOST_PACKAGES = 200
GIT_SECONDS = 2.0


def environment_of(target: str, kind: str) -> dict[str, Any]:
    """The environment of this process, for a source of this kind and target. Raises nothing."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _packages(),
        "commit": _commit(_folder(target, kind)),
    }


def _packages() -> dict[str, str]:
    """The version of each package that is imported, where it says one."""
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = vars(module).get("__version__") if hasattr(module, "__dict__") else None
        if isinstance(version, str) and len(found) < MOST_PACKAGES:
            found[name] = version
    return found


def _folder(target: str, kind: str) -> Path | None:
    """The folder that the model's code lies in."""
    if kind == "file":
        return Path(target).expanduser().absolute().parent
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
