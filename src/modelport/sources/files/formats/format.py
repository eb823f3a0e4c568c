"""What is known of a format of model files, and what a look at a file, an archive or a folder tells."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

from modelport.contract.errors import ModelLoadError
from modelport.guards.pickles import Scan
from modelport.settings.sizes import MIB

CODE = "can run any code when it is loaded"
# Programs, which their frameworks do not confine: there are operators that read and write any file.
PROGRAM = "is a program that can read and write files when it is loaded or predicts"
SEARCH_BYTES = 8 * MIB


@dataclass(frozen=True)
class Format:
    """One format. `danger` is set where loading always can run code, and `instead` is what to save then.

    `framework` is the module of `modelport.sources.frameworks` that loads it, `module` the package that
    has to be installed, by `extra` of modelport. `suffixes` are usual ends of names: they decide nothing.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    framework: str = ""
    module: str = ""
    extra: str = ""
    danger: str = ""
    instead: str = ""


class UnknownContentError(ModelLoadError):
    """Nothing here knows what a file or folder is; who serves it may know, and say so."""


@dataclass(frozen=True)
class Found:
    """What a path holds. `danger` is what loading it could do, empty where it is harmless."""

    path: Path
    format: Format
    danger: str = ""
    scan: Scan = field(default_factory=Scan)


class File(NamedTuple):
    """A file that is looked at: open, with its first bytes and its size."""

    path: Path
    file: BinaryIO
    head: bytes
    size: int

    def contains(self, text: bytes) -> bool:
        """True if the text is near the beginning or the end."""
        for begin in {0, max(0, self.size - SEARCH_BYTES)}:
            self.file.seek(begin)
            if text in self.file.read(SEARCH_BYTES):
                return True
        return False


class Archive(NamedTuple):
    """A zip archive that is looked at. `inner` has the names without the folder that torch puts all into."""

    path: Path
    zip: zipfile.ZipFile
    members: list[zipfile.ZipInfo]
    names: set[str]
    inner: set[str]


class Folder(NamedTuple):
    """A folder that is looked at, with the names in it, and what tells of a file in it what it is."""

    path: Path
    names: list[str]
    found_in_file: Callable[[Path], Found]


@dataclass(frozen=True)
class Recognised:
    """Formats that are told in one place: each function returns what it found, or `None` for anything else.

    `by_head` goes by how a file begins, which is asked of all first; `by_content` reads on. They raise
    `ModelLoadError` for what they know and is no model, `FileRefused` for what a guard refuses.
    """

    formats: tuple[Format, ...]
    by_head: Callable[[File], Found | None] | None = None
    by_content: Callable[[File], Found | None] | None = None
    in_archive: Callable[[Archive], Found | None] | None = None
    in_folder: Callable[[Folder], Found | None] | None = None


def check_installed(format: Format, path: str) -> None:
    """Raise `ModelLoadError` with what to install if this format cannot be loaded here."""
    if format.module and find_spec(format.module) is None:
        wanted = f"'modelport[{format.extra}]'" if format.extra else format.module
        raise ModelLoadError(
            f"{path}: {format.title} needs {format.module}, which is not installed: pip install {wanted}"
        )
