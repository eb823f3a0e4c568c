"""Messages as bytes and back: protobuf's wire format, by the fields that a protocol has.

A message is a dictionary by the names of its fields; those that were not sent are not there. Texts are `str`,
bytes of any size views of what came, lists of floats that came in one piece views of it, too: nothing that is
large is copied.

What can go wrong, and what answers it (`BadMessage`, whose words are for the client):

- *Bytes that are no message*: cut off, a number that does not end, a text that is no UTF-8, another type than
  the field's.
- *A field that the protocol has not.* It would say something that is not heard, so it is refused.
- *Many tiny fields*, each of which costs a hundred times its bytes: no more than `MOST_FIELDS` of all.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, cast

from modelport.dialects.grpc.schema import Field, Message, Protocol, protocol

MOST_FIELDS = 1 << 20  # of a message and all within it; a message counts for `A_MESSAGE`
A_MESSAGE = 16
MOST_OUTER = 1 << 13  # of a message of which only the names are looked for
SMALL = 4096  # bytes that are copied, since a view of them costs more
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED = {"double": (FIXED64, 8, "d"), "float": (FIXED32, 4, "f")}
SIGNED = ("int64", "int32")
TEXT_OR_BYTES = ("string", "bytes", "message")
Value = Any
Sent = dict[str, Any]


class BadMessage(Exception):
    """The bytes are no such message: why."""


class _Way(NamedTuple):
    """What to do with a key that was read."""

    field: Field
    is_packed: bool


@cache
def _ways(of: str, message: str) -> dict[int, _Way]:
    """By each key that a message may have: its field."""
    found: dict[int, _Way] = {}
    for one in protocol(of).messages[message].fields.values():
        kind = _wire_type(one)
        found[one.number << 3 | kind] = _Way(one, False)
        if one.is_repeated and kind != LENGTH:
            found[one.number << 3 | LENGTH] = _Way(one, True)
    return found


def _wire_type(one: Field) -> int:
    if one.kind in TEXT_OR_BYTES:
        return LENGTH
    return FIXED[one.kind][0] if one.kind in FIXED else VARINT


def read(of: str, message: str, data: bytes | memoryview) -> Sent:
    """The message of this full name out of the protocol `of`. Raises `BadMessage`."""
    view = memoryview(data)
    return _Reader(of, view).message(message, 0, len(view))


def read_outer(data: bytes, numbers: Collection[int]) -> list[tuple[int, bytes]]:
    """The outermost fields of these numbers that are texts, bytes or messages; others are not looked at.

    Raises `BadMessage` for what cannot be walked through, too.
    """
    found: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    for _ in range(MOST_OUTER):
        if at >= end:
            return found
        key, at = _varint(data, at, end)
        kind = key & 7
        if kind == LENGTH:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise BadMessage(CUT_OFF)
            if key >> 3 in numbers:
                found.append((key >> 3, data[at : at + size]))
            at += size
        elif kind == VARINT:
            _, at = _varint(data, at, end)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise BadMessage(NO_MESSAGE)
    raise BadMessage(f"the message has more than {MOST_OUTER} tensors and other fields")


def read_names(data: bytes, names: Mapping[int, str]) -> dict[str, str]:
    """Of the outermost fields the texts of these numbers, by their names. Raises `BadMessage`."""
    found = dict.fromkeys(names.values(), "")
    for number, text in read_outer(data, names):
        found[names[number]] = as_text(text, names[number])
    return found


def field_of(number: int, data: bytes) -> bytes:
    """A field that is text, bytes or a message."""
    return _length_of(number, data)


NO_MESSAGE = "the bytes are no message of protobuf's"
CUT_OFF = "the message is cut off: a field is longer than what is left of it"


def _varint(data: bytes | memoryview, at: int, end: int) -> tuple[int, int]:
    """A number, and where the next one begins."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise BadMessage(NO_MESSAGE)
    raise BadMessage(CUT_OFF)


def as_text(data: bytes | memoryview, name: str) -> str:
    """The text of a field. Raises `BadMessage`."""
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise BadMessage(f"{name} is no UTF-8") from None


class _Reader:
    """Reads one message, and counts the fields."""

    def __init__(self, of: str, data: memoryview):
        self._of = of
        self._data = data
        self._left = MOST_FIELDS

    def message(self, name: str, at: int, end: int) -> Sent:
        found: Sent = {}
        self._count(A_MESSAGE)
        data, ways = self._data, _ways(self._of, name)
        while at < end:
            self._count(1)
            key, at = _varint(data, at, end)
            way = ways.get(key)
            if way is None:
                raise BadMessage(self._unknown(name, key))
            one = way.field
            if way.is_packed:
                size, at = self._size(at, end)
                self._extend(found, one, self._packed(one, at, at + size))
                at += size
                continue
            value, at = self._value(one, at, end)
            if one.is_map:
                found.setdefault(one.name, {})[value.get("key", "")] = value.get("value", {})
            elif one.is_repeated:
                self._extend(found, one, [value])
            elif one.kind == "message" and one.name in found and not one.oneof:
                found[one.name] |= value
            else:
                if one.oneof:
                    self._forget_others(found, name, one)
                found[one.name] = value
        return found

    def _count(self, fields: int) -> None:
        self._left -= fields
        if self._left < 0:
            raise BadMessage(
                f"the message has more than {MOST_FIELDS} fields and elements: send large tensors raw"
            )

    def _unknown(self, name: str, key: int) -> str:
        short = name.rpartition(".")[2]
        number, kind = key >> 3, key & 7
        known = protocol(self._of).messages[name].fields.get(number) if number else None
        if known is not None:
            return f"{known.name} of {short} is of another type"
        if not number or kind not in (VARINT, FIXED64, LENGTH, FIXED32):
            return NO_MESSAGE
        return f"{short} has no field {number} here"

    def _forget_others(self, found: Sent, name: str, chosen: Field) -> None:
        for one in protocol(self._of).messages[name].fields.values():
            if one.oneof == chosen.oneof:
                found.pop(one.name, None)

    def _extend(self, found: Sent, one: Field, values: Any) -> None:
        there = found.get(one.name)
        if there is None:
            found[one.name] = values
        elif isinstance(there, list):
            there += values
        else:
            found[one.name] = [*there, *values]

    def _size(self, at: int, end: int) -> tuple[int, int]:
        size, at = _varint(self._data, at, end)
        if at + size > end:
            raise BadMessage(CUT_OFF)
        return size, at

    def _value(self, one: Field, at: int, end: int) -> tuple[Value, int]:
        kind = one.kind
        if kind in TEXT_OR_BYTES:
            size, at = self._size(at, end)
            stop = at + size
            if kind == "message":
                return (self._entry(one, at, stop) if one.is_map else self.message(one.type, at, stop)), stop
            if kind == "string":
                return as_text(self._data[at:stop], one.name), stop
            piece = self._data[at:stop]
            return (bytes(piece) if size <= SMALL else piece), stop
        if kind in FIXED:
            _, size, code = FIXED[kind]
            if at + size > end:
                raise BadMessage(CUT_OFF)
            return struct.unpack_from(f"<{code}", self._data, at)[0], at + size
        value, at = _varint(self._data, at, end)
        return _integer(value, kind), at

    def _entry(self, one: Field, at: int, end: int) -> Sent:
        """A key of a map and its value."""
        found: Sent = {}
        while at < end:
            self._count(1)
            key, at = _varint(self._data, at, end)
            size, at = self._size(at, end)
            if key == 1 << 3 | LENGTH:
                found["key"] = as_text(self._data[at : at + size], one.name)
            elif key == 2 << 3 | LENGTH:
                found["value"] = self.message(one.type, at, at + size)
            else:
                raise BadMessage(NO_MESSAGE)
            at += size
        return found

    def _packed(self, one: Field, at: int, end: int) -> Any:
        """Numbers that came together: floats as a view, which has as many bytes as they."""
        piece = self._data[at:end]
        if one.kind in FIXED:
            _, size, code = FIXED[one.kind]
            if len(piece) % size:
                raise BadMessage(CUT_OFF)
            return cast("Any", piece).cast(code)
        if not any(byte & 0x80 for byte in set(piece)):  # each is a byte
            self._count(len(piece))
            return [byte != 0 for byte in piece] if one.kind == "bool" else list(piece)
        found: list[Any] = []
        while at < end:
            value, at = _varint(self._data, at, end)
            found.append(_integer(value, one.kind))
        self._count(len(found))
        return found


def _integer(value: int, kind: str) -> Any:
    """A number of 64 bits as one of its kind."""
    if kind == "bool":
        return value != 0
    if kind in ("int32", "enum"):
        value &= 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value
    if kind == "uint32":
        return value & 0xFFFFFFFF
    return value - (1 << 64) if kind == "int64" and value >> 63 else value


def written(of: str, message: str, values: Mapping[str, Any]) -> bytes:
    """The bytes of a message. What is empty is left out, but for what is a choice."""
    pieces: list[bytes | memoryview] = []
    _write(pieces, protocol(of), protocol(of).messages[message], values)
    return b"".join(pieces)


def _write(
    pieces: list[bytes | memoryview], of: Protocol, message: Message, values: Mapping[str, Any]
) -> None:
    for one in message.fields.values():
        if one.name not in values:
            continue
        value = values[one.name]
        if one.is_map:
            for key, item in value.items():
                entry = _length_of(1, key.encode()) + _length_of(2, _inner(of, one, item))
                pieces.append(_length_of(one.number, entry))
        elif one.is_repeated and one.kind not in TEXT_OR_BYTES:
            if len(value):
                pieces.append(_length_of(one.number, _numbers(one, value)))
        elif one.is_repeated:
            for item in value:
                _write_one(pieces, of, one, item)
        elif value or one.oneof or one.kind == "message":
            _write_one(pieces, of, one, value)


def _inner(of: Protocol, one: Field, value: Mapping[str, Any]) -> bytes:
    pieces: list[bytes | memoryview] = []
    _write(pieces, of, of.messages[one.type], value)
    return b"".join(pieces)


def _write_one(pieces: list[bytes | memoryview], of: Protocol, one: Field, value: Any) -> None:
    if one.kind == "message":
        inner: list[bytes | memoryview] = []
        _write(inner, of, of.messages[one.type], value)
        size = sum(map(len, inner))
        pieces += [_number(one.number << 3 | LENGTH), _number(size), *inner]
    elif one.kind in TEXT_OR_BYTES:
        data = value.encode() if one.kind == "string" else value
        pieces += [_number(one.number << 3 | LENGTH), _number(len(data)), data]
    else:
        pieces += [_number(one.number << 3 | _wire_type(one)), _numbers(one, [value])]


def _length_of(number: int, data: bytes) -> bytes:
    return _number(number << 3 | LENGTH) + _number(len(data)) + data


def _numbers(one: Field, values: Iterable[Any]) -> bytes:
    """Numbers, one after the other."""
    if one.kind in FIXED:
        found = list(values)
        return struct.pack(f"<{len(found)}{FIXED[one.kind][2]}", *found)
    return b"".join(map(_number, values))


def _number(value: int) -> bytes:
    """A number as a varint."""
    value &= 0xFFFFFFFFFFFFFFFF
    if value < 0x80:
        return bytes((value,))
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
