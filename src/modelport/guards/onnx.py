"""ONNX files: recognised by their outermost fields, and their data in other files looked after."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from modelport.guards.errors import FileRefused
from modelport.guards.protobuf import CutOff, Field, NotProtobuf, fields

# Numbers of the fields in ModelProto, with their wire types.
MODEL = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
IR_VERSION, GRAPH, OPSETS = 1, 7, 8
MAX_IR_VERSION = 1000
EXTERNAL_DATA = 13  # of TensorProto
# Where tensors may be, by the message: the numbers of its fields that lead on, and the message they hold.
# A tensor may be the value of a node's attribute, in the body of a loop, a branch or a function.
LEADING = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
MAX_DEPTH = 100  # as protobuf itself has
KEY, VALUE = 1, 2  # of StringStringEntryProto
LOCATION = "location"
MAX_LOCATION = 4096
SMALL_BYTES = 64 * 1024


@dataclass
class _Seen:
    numbers: set[int] = field(default_factory=set[int])
    graph: Field | None = None


def is_onnx(path: Path, file: BinaryIO, size: int) -> bool:
    """True for an ONNX model. Raises `FileRefused` for one that is cut off or leaves its folder."""
    seen = _Seen()
    try:
        _walk(file, size, seen)
    except NotProtobuf:
        return False
    except CutOff:
        if IR_VERSION not in seen.numbers or not seen.numbers & {2, 3, 5, 7, 8}:
            return False
        raise FileRefused(
            "this ONNX file ends in the middle (it is cut off); copy or export it again"
        ) from None
    if seen.graph is None or not seen.numbers & {IR_VERSION, OPSETS}:
        return False
    try:
        locations = _locations(file, Field(0, 2, 0, size), "model")
    except (NotProtobuf, CutOff):
        raise FileRefused(
            "a part of this ONNX file cannot be read, so nobody can say which files it names; export it again"
        ) from None
    for location in sorted(locations):
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


def _locations(file: BinaryIO, message: Field, kind: str, depth: int = 0) -> set[str]:
    """The files that hold the weights, where the model's own does not.

    Raises `NotProtobuf` or `CutOff` where that cannot be read, though a reader less strict may find one.
    """
    found: set[str] = set()
    if message.size < SMALL_BYTES and LOCATION.encode() not in _content(file, message):
        return found  # nearly always
    if kind == "tensor":
        return _locations_of(file, message)
    if depth >= MAX_DEPTH:
        raise NotProtobuf
    for part in fields(file, message.begin, _end(message)):
        leads_to = LEADING[kind].get(part.number)
        if leads_to is not None and part.kind == 2:
            found |= _locations(file, part, leads_to, depth + 1)
    return found


def _locations_of(file: BinaryIO, tensor: Field) -> set[str]:
    entries = [
        {part.number: _text(file, part) for part in fields(file, entry.begin, _end(entry)) if part.kind == 2}
        for entry in _inside(file, tensor, EXTERNAL_DATA)
    ]
    return {texts.get(VALUE, "") for texts in entries if texts.get(KEY) == LOCATION}


def _inside(file: BinaryIO, message: Field, number: int) -> list[Field]:
    return [
        found
        for found in fields(file, message.begin, _end(message))
        if found.number == number and found.kind == 2
    ]


def _end(message: Field) -> int:
    return message.begin + message.size


def _content(file: BinaryIO, message: Field) -> bytes:
    file.seek(message.begin)
    return file.read(message.size)


def _text(file: BinaryIO, part: Field) -> str:
    file.seek(part.begin)
    return file.read(min(part.size, MAX_LOCATION)).decode("utf-8", "replace")


def _check_location(path: Path, location: str) -> None:
    """Weights lie beside their model: as a file of their own, reached by no link."""
    parts = Path(location).parts
    if not location or Path(location).is_absolute() or ".." in parts or "\0" in location:
        raise FileRefused(
            f"its weights are to be in {location!r}, which is outside its folder; it is not loaded"
        )
    place = path.parent / location
    try:
        status = place.lstat()
    except OSError:
        raise FileRefused(
            f"the file of its weights, {location!r}, is missing; copy it beside the model"
        ) from None
    links = any((path.parent / Path(*parts[:n])).is_symlink() for n in range(1, len(parts) + 1))
    if links or not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise FileRefused(
            f"the file of its weights, {location!r}, is a link; put a copy of the file itself there"
        )
