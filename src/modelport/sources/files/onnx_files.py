"""ONNX files: recognised by their outermost fields, and their data in other files looked after."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from modelport.contract.errors import ModelLoadError
from modelport.sources.files.protobuf import CutOff, Field, NotProtobuf, fields

# Numbers of the fields in ModelProto, with their wire types.
MODEL = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
IR_VERSION, GRAPH, OPSETS = 1, 7, 8
MAX_IR_VERSION = 1000
INITIALIZER = 5  # of GraphProto
EXTERNAL_DATA = 13  # of TensorProto
KEY, VALUE = 1, 2  # of StringStringEntryProto
MAX_LOCATION = 4096


@dataclass
class _Seen:
    numbers: set[int] = field(default_factory=set[int])
    graph: Field | None = None


def is_onnx(path: Path, file: BinaryIO, size: int) -> bool:
    """True for an ONNX model. Raises `ModelLoadError` for one that is cut off or leaves its folder."""
    seen = _Seen()
    try:
        _walk(file, size, seen)
    except NotProtobuf:
        return False
    except CutOff:
        if IR_VERSION not in seen.numbers or not seen.numbers & {2, 3, 5, 7, 8}:
            return False
        raise ModelLoadError(
            f"{path}: this ONNX file ends in the middle (it is cut off); copy or export it again"
        ) from None
    if seen.graph is None or not seen.numbers & {IR_VERSION, OPSETS}:
        return False
    for location in sorted(_locations(file, seen.graph)):
        _check_location(path, location)
    return True


def _walk(file: BinaryIO, size: int, seen: _Seen) -> None:
    for found in fields(file, 0, size):
        if MODEL.get(found.number) != found.kind:
            raise NotProtobuf
        if found.number == IR_VERSION and not 0 < found.value <= MAX_IR_VERSION:
            raise NotProtobuf
        seen.numbers.add(found.number)
        if found.number == GRAPH:
            seen.graph = found


def _locations(file: BinaryIO, graph: Field) -> set[str]:
    """The files that hold the weights, where the model's own does not. Damage is left to the loader."""
    found: set[str] = set()
    try:
        for tensor in _inside(file, graph, INITIALIZER):
            for entry in _inside(file, tensor, EXTERNAL_DATA):
                texts = {part.number: _text(file, part) for part in fields(file, entry.begin, _end(entry))}
                if texts.get(KEY) == "location":
                    found.add(texts.get(VALUE, ""))
    except (NotProtobuf, CutOff):
        pass
    return found


def _inside(file: BinaryIO, message: Field, number: int) -> list[Field]:
    return [
        found
        for found in fields(file, message.begin, _end(message))
        if found.number == number and found.kind == 2
    ]


def _end(message: Field) -> int:
    return message.begin + message.size


def _text(file: BinaryIO, part: Field) -> str:
    file.seek(part.begin)
    return file.read(min(part.size, MAX_LOCATION)).decode("utf-8", "replace")


def _check_location(path: Path, location: str) -> None:
    """Weights lie beside their model: as a file of their own, reached by no link."""
    parts = Path(location).parts
    if not location or Path(location).is_absolute() or ".." in parts or "\0" in location:
        raise ModelLoadError(
            f"{path}: its weights are to be in {location!r}, which is outside its folder; it is not loaded"
        )
    place = path.parent / location
    try:
        status = place.lstat()
    except OSError:
        raise ModelLoadError(
            f"{path}: the file of its weights, {location!r}, is missing; copy it beside the model"
        ) from None
    links = any((path.parent / Path(*parts[:n])).is_symlink() for n in range(1, len(parts) + 1))
    if links or not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise ModelLoadError(
            f"{path}: the file of its weights, {location!r}, is a link; put a copy of the file itself there"
        )
