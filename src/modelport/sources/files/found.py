"""What was recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from modelport.contract.errors import ModelLoadError
from modelport.sources.files.formats import Format


class UnknownContentError(ModelLoadError):
    """Nothing here knows what a file or folder is; who serves it may know, and say so."""


@dataclass(frozen=True)
class Scan:
    """What the pickles of a file would import, as far as that can be seen without running them.

    `incomplete` says why there may be more; `cut` that the file ends in the middle of a pickle.
    """

    names: tuple[str, ...] = ()
    incomplete: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Found:
    """What a path holds. `danger` is what loading it could do, empty where it is harmless."""

    path: Path
    format: Format
    danger: str = ""
    scan: Scan = field(default_factory=Scan)
