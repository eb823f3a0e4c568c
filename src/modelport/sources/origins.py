"""Which model it is that has a name: what is kept under a name belongs to the model of one origin.

An origin is the place that a model's code or file has, or the name of what is installed. Edits of the code,
other settings and another spelling of the source do not change it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.home import expanded
from modelport.sources.import_path import working_folder
from modelport.sources.mlflow.uris import SCHEME, parse_uri
from modelport.sources.source import Source

MAX_DIGESTED = 16 << 20  # of larger files, and of folders, only the place counts


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model comes from.

    `path` is absolute, as seen on `machine`; empty for what is known by its `name` alone: an installed
    module, a model of MLflow. `part` is the class or object inside; empty if none is said. `digest` is
    of the content of the file; empty for folders.
    """

    name: str = ""
    path: str = ""
    part: str = ""
    machine: str = ""
    digest: str = ""

    def __str__(self) -> str:
        place = self.path or self.name
        return f"{place}:{self.part}" if self.part else place


def origin_of(source: Source) -> Origin:
    """The origin of a source. Nothing of it is imported. Raises nothing: what is not there has its place."""
    if source.kind == "mlflow":
        return Origin(name=SCHEME + _known_model(source.target))
    if source.kind == "module":
        return _of_module(source.target, source.attribute)
    if source.kind == "object":
        return _at(_program(), source.name)
    return _at(expanded(source.target), source.attribute)


def is_same(known: Origin, origin: Origin) -> bool:
    """True if a model of this origin is the one that is `known`, edited or moved perhaps."""
    if known.part and origin.part and known.part != origin.part:
        return False
    if known.name and known.name == origin.name and not (known.path and origin.path):
        return True
    if not known.path or not origin.path:
        return False
    if known.path == origin.path:
        return True
    is_copy = bool(known.digest) and known.digest == origin.digest
    is_elsewhere = known.machine != origin.machine or not Path(known.path).exists()
    return is_copy and is_elsewhere


def _known_model(uri: str) -> str:
    """A registered model is the same in each of its versions."""
    try:
        name = parse_uri(uri).name
    except ModelLoadError:
        name = ""
    return f"models:/{name}" if name else uri


def _of_module(module: str, part: str) -> Origin:
    top = module.partition(".")[0]
    try:
        found = PathFinder.find_spec(top, [*working_folder(), *sys.path])
    except (ImportError, OSError, ValueError):  # a finder of somebody else's, in a place that cannot be read
        found = None
    places = [] if found is None else [found.origin or "", *(found.submodule_search_locations or ())]
    place = next((place for place in places if place and Path(place).exists()), "")
    if not place or _is_installed(Path(place)):
        return Origin(name=module, part=part)
    path = Path(place)
    if path.name == "__init__.py":
        path = path.parent
    inner = path.joinpath(*module.split(".")[1:]) if path.is_dir() else path
    code = inner.with_name(f"{inner.name}.py")
    at = _at(code if inner != path and code.is_file() else inner, part)
    return msgspec.structs.replace(at, name=module)


def _is_installed(path: Path) -> bool:
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")}
    return any(path.is_relative_to(folder) for folder in folders if folder) or "site-packages" in path.parts


def _program() -> Path:
    """The program whose object it is: its file, or the working folder where that is somebody else's."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file and not _is_installed(Path(file).absolute()) and Path(file).parent != Path(sys.executable).parent:
        return Path(file)
    return Path(next(iter(working_folder()), "."))


def _at(path: Path, part: str) -> Origin:
    place = os.path.realpath(path)
    text = place.encode("utf-8", "backslashreplace").decode()  # a path need not be UTF-8
    return Origin(path=text, part=part, machine=platform.node(), digest=_digest(Path(place)))


def _digest(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > MAX_DIGESTED:
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
