"""What was recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from modelport.contract.errors import ModelLoadError
from modelport.guards.pickles import Scan
from modelport.sources.files.formats import Format


class UnknownContentError(ModelLoadError):
    """Nothing here knows what a file or folder is; who serves it may know, and say so."""


@dataclass(frozen=True)
class Found:
    """What a path holds. `danger` is what loading it could do, empty where it is harmless."""

    path: Path
    format: Format
    danger: str = ""
    scan: Scan = field(default_factory=Scan)
