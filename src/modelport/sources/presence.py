"""Whether what a source names is there at all, which the server can tell without running any of its code."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path

from modelport.contract.errors import ModelLoadError
from modelport.home import expanded
from modelport.sources.import_path import working_folder
from modelport.sources.near_names import near_files, near_modules
from modelport.sources.source import Source

PROVIDED = "deepaas"  # workers have a stand-in for it


def check_present(sources: Iterable[Source]) -> None:
    """Raise `ModelLoadError` for a source whose file or package does not exist.

    What is in the package, or in the file, only importing it shows.
    """
    for source in sources:
        if source.kind == "file":
            python_file(source)
        elif source.kind == "module":
            _package(source)


def python_file(source: Source) -> Path:
    """The path of a source that is a Python file. Raises `ModelLoadError` if there is none."""
    path = expanded(source.target).absolute()
    try:
        exists = path.exists()
    except OSError as error:
        raise ModelLoadError(f"{source}: it cannot be read: {error.strerror}") from None
    if not exists:
        raise ModelLoadError(f"{source}: there is no such file{near_files(expanded(source.target))}")
    if not path.is_file() or path.suffix != ".py":
        raise ModelLoadError(f"{source}: not a Python file (a source path ends in .py)")
    return path


def _package(source: Source) -> None:
    name = source.target.partition(".")[0]
    try:
        found = PathFinder.find_spec(name, working_folder()) or importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a finder of somebody's own, or a module without a spec
        return
    if found is None and name != PROVIDED:
        raise no_module(source, name)


def no_module(source: Source, name: str) -> ModelLoadError:
    """The error for a source whose module `name` does not exist."""
    near = near_modules(name, source.target)
    return ModelLoadError(
        f"{source}: there is no module {name!r}{near} (is the package installed, or should the "
        "source be a path such as ./model.py?)"
    )
