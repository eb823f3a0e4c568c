"""The package whose code is looked at: its files, its entry points, and where these are written."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from modelport.cli.upgrade.entry_points import Entry, entries_of_folder, entries_of_metadata
from modelport.cli.upgrade.source_file import SourceFile
from modelport.sources.import_path import working_folder
from modelport.sources.near_names import did_you_mean
from modelport.sources.source import ENTRY_POINT_GROUP, OLD_GROUP

MAX_FILES = 2000
MAX_BYTES = 2_000_000  # of a file of code: what is larger is data
PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
NOT_CODE = {"build", "dist", "node_modules", "venv", "env", "__pycache__", "tests", "test", "docs"}


@dataclass
class Package:
    """The code of a model's package.

    `root` is the folder of its project, where there is one. `fixed` says why nothing of it may be edited;
    empty if it may. `requires_python` is what its metadata says, `""` if nothing.
    """

    name: str
    root: Path | None
    files: list[SourceFile]
    entries: list[Entry] = field(default_factory=list[Entry])
    fixed: str = ""
    requires_python: str = ""
    requires_place: tuple[Path, int] | None = None

    def shown(self, path: Path, line: int = 0) -> str:
        """A place as a person reads it."""
        folder = Path.cwd()
        at = path.relative_to(folder) if path.is_relative_to(folder) else path
        return f"{at}:{line}" if line else str(at)

    def module(self, name: str) -> SourceFile | None:
        """The file of a module of this package."""
        end = name.replace(".", "/")
        for file in self.files:
            path = file.path.as_posix()
            if path.endswith((f"/{end}.py", f"/{end}/__init__.py")) or path == f"{end}.py":
                return file
        return None


def find_package(text: str) -> Package:
    """The package that a folder, a Python file, an installed package, an entry point or a module names.

    Raises `click.UsageError` saying what there is.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        return _project(path.absolute())
    if text.endswith(".py"):
        if not path.is_file():
            raise click.UsageError(f"{text}: there is no such file")
        return Package(path.stem, None, _read([path.absolute()]))
    name = text.removeprefix("entrypoint:").partition(":")[0]
    found = _installed(name)
    if found is not None:
        return found
    spec = PathFinder.find_spec(name.partition(".")[0], [*working_folder(), *sys.path])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        names = sorted(
            {entry.name for group in (ENTRY_POINT_GROUP, OLD_GROUP) for entry in _entry_points(group)}
        )
        raise click.UsageError(
            f"{text}: there is no folder, installed package, entry point or module of this name"
            + (did_you_mean(name, names) or f" (installed models: {', '.join(names) or 'none'})")
        )
    top = Path(spec.origin)
    top = top.parent if top.name == "__init__.py" else top
    root = next((one for one in (top.parent, top.parent.parent) if _is_project(one)), None)
    return _project(root) if root is not None else Package(name, None, _read(_python_files(top)))


def _entry_points(group: str) -> list[metadata.EntryPoint]:
    return list(metadata.entry_points(group=group))


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in PROJECT_FILES)


def _project(root: Path) -> Package:
    """The package whose source this folder is."""
    entries = entries_of_folder(root)
    name, requires, place = _about(root)
    tops = {top for entry in entries if (top := entry.module.partition(".")[0]).isidentifier()}
    files: list[Path] = []
    for top in sorted(tops):
        for folder in (root, root / "src"):
            files += _python_files(folder / top) + [p for p in [folder / f"{top}.py"] if p.is_file()]
    if not files:
        files = _python_files(root)
    return Package(name or root.name, root, _read(files), entries, "", requires, place)


def _about(root: Path) -> tuple[str, str, tuple[Path, int] | None]:
    """The name of a project, what it requires of Python, and where that is written."""
    patterns = {
        "pyproject.toml": (r'^name\s*=\s*"([^"]+)"', r'^(?:requires-python|python)\s*=\s*"([^"]+)"'),
        "setup.cfg": (
            r"^name\s*=\s*(\S+)",
            r"^(?:python_requires|requires-python|python-requires)\s*=\s*(.+?)\s*$",
        ),
        "setup.py": (r"\bname\s*=\s*[\"']([^\"']+)", r"\bpython_requires\s*=\s*[\"']([^\"']+)"),
    }
    name, requires, place = "", "", None
    for file, (of_name, of_python) in patterns.items():
        path = root / file
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found = re.search(of_name, text, re.MULTILINE)
        name = name or (found[1] if found else "")
        found = re.search(of_python, text, re.MULTILINE)
        if found and not requires:
            requires, place = found[1], (path, text.count("\n", 0, found.start()) + 1)
    return name, requires, place


def _installed(name: str) -> Package | None:
    """An installed package by its own name, that of an entry point or of a module of it."""
    for dist in metadata.distributions():
        entries = [entry for entry in dist.entry_points if entry.group in (ENTRY_POINT_GROUP, OLD_GROUP)]
        names = {entry.name for entry in entries} | {entry.module for entry in entries}
        if _plain(dist.metadata["Name"] or "") == _plain(name) or name in names:
            return _of_distribution(dist)
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_distribution(dist: metadata.Distribution) -> Package:
    origin = json.loads(dist.read_text("direct_url.json") or "{}")
    name = str(dist.metadata["Name"])
    if origin.get("dir_info", {}).get("editable"):
        root = Path(unquote(urlsplit(str(origin["url"])).path))
        if root.is_dir():
            return _project(root)
    listed = [Path(str(dist.locate_file(one))) for one in dist.files or []]
    about = next((path for path in listed if path.name == "entry_points.txt"), None)
    entries: list[Entry] = []
    if about is not None and about.is_file():
        entries = entries_of_metadata(about)
    fixed = "it is installed, and pip knows what it has installed: give the folder of its source instead"
    tops = sorted({entry.module.partition(".")[0] for entry in entries})
    files = [path for path in listed if path.suffix == ".py" and path.is_file()]
    if not files:  # a record is not kept by everything that installs
        base = Path(str(dist.locate_file("")))
        files = [
            file
            for top in tops
            for file in [*_python_files(base / top), base / f"{top}.py"]
            if file.is_file()
        ]
    return Package(name, None, _read(files), entries, fixed, _requires(dist))


def _requires(dist: metadata.Distribution) -> str:
    return str(dist.metadata["Requires-Python"] or "") if "Requires-Python" in dist.metadata else ""


def _python_files(top: Path) -> list[Path]:
    """The Python files in a folder, or the one that this is."""
    if top.is_file():
        return [top]
    return sorted(_walked(top)) if top.is_dir() else []


def _walked(top: Path) -> Iterator[Path]:
    for path in top.rglob("*.py"):
        inner = path.relative_to(top).parts[:-1]
        if path.is_file() and not any(map(_is_skipped, inner)):
            yield path


def _is_skipped(folder: str) -> bool:
    return folder.startswith(".") or folder in NOT_CODE or folder.endswith(".egg-info")


def _read(paths: list[Path]) -> list[SourceFile]:
    if len(paths) > MAX_FILES:
        raise click.UsageError(
            f"it has {len(paths)} Python files, more than {MAX_FILES}: name a folder with less"
        )
    try:
        return [SourceFile(path, path.read_bytes()) for path in paths if path.stat().st_size <= MAX_BYTES]
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be read: {error.strerror}") from None
