"""`~` in paths, also where nobody knows what it stands for."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with `~` written out.

    A user without a home, as in many containers, has `/`; `~nobody/…` of an unknown user stays as it is.
    """
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError:
        first, *rest = path.parts
        return Path("/", *rest) if first == "~" else path
