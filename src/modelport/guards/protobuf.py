"""Walking the outermost fields of a protobuf message, by seeking: nothing of it is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_FIELDS = 2_000_000
FIXED = {1: 8, 5: 4}
GROUP, GROUP_END = 3, 4
MAX_DEPTH = 100  # as protobuf itself has
MAX_KEY = 1 << 32
VARINT_BYTES = 10


class NotProtobuf(Exception):
    """The bytes are no protobuf message."""


class CutOff(Exception):
    """A field is longer than what is left."""


@dataclass(frozen=True)
class Field:
    """One field: its number, its wire type, where its value begins and how long that is, in bytes.

    `value` is the number of a varint, 0 for other fields.
    """

    number: int
    kind: int
    begin: int
    size: int
    value: int = 0


def fields(file: BinaryIO, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message between two places, but for groups. Raises `NotProtobuf` or `CutOff`."""
    at = begin
    groups: list[int] = []  # those that are open: what is in them belongs to no message that we know
    for _ in range(MAX_FIELDS):
        if at >= end:
            if groups:
                raise CutOff
            return
        file.seek(at)
        data = file.read(min(2 * VARINT_BYTES, end - at))
        key, used = _varint(data, 0)
        number, kind = key >> 3, key & 7
        if not number or key >= MAX_KEY:
            raise NotProtobuf
        if kind in (GROUP, GROUP_END):
            _step(groups, number, kind)
            at += used
            continue
        value = 0
        if kind == 0:
            value, after = _varint(data, used)
            size = after - used
        elif kind == 2:
            size, used = _varint(data, used)
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise NotProtobuf
        if at + used + size > end:
            raise CutOff
        if not groups:
            yield Field(number, kind, at + used, size, value)
        at += used + size
    raise NotProtobuf


def _step(groups: list[int], number: int, kind: int) -> None:
    if kind == GROUP and len(groups) < MAX_DEPTH:
        groups.append(number)
    elif kind == GROUP or not groups or groups.pop() != number:
        raise NotProtobuf


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(VARINT_BYTES):
        if at + shift >= len(data):
            raise CutOff
        byte = data[at + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            return value, at + shift + 1
    raise NotProtobuf
