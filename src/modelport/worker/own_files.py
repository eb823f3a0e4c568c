"""The files that a model consists of and that people edit: what a server watches that is to reload."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import modelport
from modelport.home import expanded
from modelport.sources.source import Source

MOST_FILES = 2000
OURS = Path(modelport.__file__).absolute().parent
LIBRARY = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
INSTALLED = ("site-packages", "dist-packages")


def own_files(source: Source, error: BaseException | None = None) -> list[str]:
    """Its source, what of a saved model is in files, and every module that is neither Python's nor installed.

    Where loading has ended in an `error`, the files that this leads through are among them: a module with an
    error is not imported.
    """
    found = dict.fromkeys((*_of_source(source), *_of_error(error), *_of_modules()))
    return list(islice(found, MOST_FILES))


def _of_source(source: Source) -> Iterator[str]:
    if source.kind not in ("file", "model"):
        return
    place = expanded(source.target).absolute()
    yield str(place)
    if place.is_dir():
        yield from (str(file) for file in islice(place.rglob("*"), MOST_FILES) if file.is_file())


def _of_modules() -> Iterator[str]:
    for module in sys.modules.copy().values():
        names: Any = getattr(module, "__dict__", {})  # never by `__getattr__`, which may import or raise
        file: Any = names.get("__file__")
        if isinstance(file, str):
            yield from _own([file])


def _of_error(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        yield from _own(frame.filename for frame in frames)
        if isinstance(error, SyntaxError) and error.filename:
            yield from _own([error.filename])
        error = error.__cause__ or error.__context__


def _own(files: Iterable[str]) -> Iterator[str]:
    """Those of the files that are somebody's own."""
    for file in files:
        path = Path(file).absolute()
        above = path.parents
        if path.suffix != ".py" or OURS in above or not LIBRARY.isdisjoint(above):
            continue
        if not any(part in INSTALLED for part in path.parts):
            yield str(path)
