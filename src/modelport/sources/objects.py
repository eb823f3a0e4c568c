"""A Python object that the caller has in memory, on its way to the worker: a private file.

The file's first line is the caller's `sys.path`, as JSON, since what is importable travels by name; the
rest is the object, pickled by value where it is not importable. Only the caller's own code comes this way.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.sources.import_path import import_from
from modelport.sources.source import Source


def write_object(pickled: bytes, path: Path) -> None:
    """Write a pickled object for `unpickled` to read. Raises `OSError`."""
    places = _absolute(sys.path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(places).encode() + b"\n")
        file.write(pickled)


def unpickled(source: Source) -> Any:
    """The object of a source. Raises `ModelLoadError` with the reason."""
    try:
        with Path(source.target).open("rb") as file:
            places: list[str] = json.loads(file.readline())
            if not {*_absolute(sys.path)}.issuperset(places):  # never so in the caller's own process
                import_from(*places)
            return pickle.load(file)
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"{source}: a worker process cannot import {error.name!r}, which the object needs: put it into a "
            "module on sys.path or an installed package"
        ) from error
    except (Exception, SystemExit) as error:  # modules are imported, and the object's own code runs
        raise ModelLoadError(f"{source}: unpickling it failed: {type(error).__name__}: {error}") from error


def _absolute(places: list[str]) -> list[str]:
    return [str(Path(place).absolute()) for place in places]  # an empty one is the working directory
