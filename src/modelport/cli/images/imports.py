"""What Python files import, read from their text: nothing of a model runs while its image is built."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Imported:
    """The modules that files import: `others` by their top names, and the `files` that are the model's own.

    `places` are the folders, of those that were looked into, in which some were found.
    """

    others: set[str] = field(default_factory=set[str])
    files: set[Path] = field(default_factory=set[Path])
    places: set[Path] = field(default_factory=set[Path])


def imported(files: Iterable[Path], modules: Iterable[str], folders: Sequence[Path]) -> Imported:
    """What these Python files and these modules import, and what modules do that lie in `folders`.

    A file that cannot be read as Python imports nothing: the server says what is wrong with it.
    """
    found = Imported()
    left = [*files, *(path for name in modules for path in _found(name, folders, found))]
    while left:
        file = left.pop()
        if file not in found.files:
            found.files.add(file)
            for name in _names(file):
                left += _found(name, folders, found)
    return found


def _found(name: str, folders: Sequence[Path], found: Imported) -> list[Path]:
    """The files that importing a name runs, as far as they are the model's own; notes where it is from."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return []
    place = next((one for one in folders if _lies_in(top, one)), None)
    if place is None:
        found.others.add(top)
        return []
    found.places.add(place)
    return list(_modules(name, place))


def _names(file: Path) -> Iterator[str]:
    """The dotted names that a file imports; those of relative imports as they are seen from its package."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _package(file, node.level) if node.level else ""
            start = ".".join(filter(None, (base, node.module)))
            if start:
                yield start
            yield from (f"{start}.{alias.name}" if start else alias.name for alias in node.names)


def _package(file: Path, level: int) -> str:
    """The package that a relative import of a file starts from."""
    parts: list[str] = []
    folder = file.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts[: len(parts) - level + 1])


def _lies_in(top: str, folder: Path) -> bool:
    return (folder / f"{top}.py").is_file() or any((folder / top).glob("*.py"))


def _modules(name: str, folder: Path) -> Iterator[Path]:
    """The files that importing a dotted name runs, as far as they lie in the folder."""
    place = folder
    for part in name.split("."):
        if (place / f"{part}.py").is_file():
            yield place / f"{part}.py"
        place = place / part
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
