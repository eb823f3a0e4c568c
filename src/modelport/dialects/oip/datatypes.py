"""The datatypes of tensors: their names, their sizes, and what Python has for their elements.

Source: "Tensor Data Types" of the Open Inference Protocol; BF16 is that of Triton's extension.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["bool", "int", "float", "bytes"]


class Datatype(NamedTuple):
    """One of them. `code` is `struct`'s, and `numpy` numpy's own name of it: both are little-endian.

    An element has `size` bytes; those of BYTES have any number, and numpy has no BF16, which is read as
    float32.
    """

    name: str
    kind: Kind
    size: int
    code: str
    numpy: str
    least: int = 0
    most: int = 0


def _integer(name: str, size: int, code: str, numpy: str) -> Datatype:
    bits = size * 8
    if name.startswith("U"):
        return Datatype(name, "int", size, code, numpy, 0, (1 << bits) - 1)
    return Datatype(name, "int", size, code, numpy, -(1 << bits - 1), (1 << bits - 1) - 1)


BYTES, BF16 = "BYTES", "BF16"
DATATYPES = {
    one.name: one
    for one in (
        Datatype("BOOL", "bool", 1, "?", "|b1"),
        _integer("UINT8", 1, "B", "|u1"),
        _integer("UINT16", 2, "H", "<u2"),
        _integer("UINT32", 4, "I", "<u4"),
        _integer("UINT64", 8, "Q", "<u8"),
        _integer("INT8", 1, "b", "|i1"),
        _integer("INT16", 2, "h", "<i2"),
        _integer("INT32", 4, "i", "<i4"),
        _integer("INT64", 8, "q", "<i8"),
        Datatype("FP16", "float", 2, "e", "<f2"),
        Datatype("FP32", "float", 4, "f", "<f4"),
        Datatype("FP64", "float", 8, "d", "<f8"),
        Datatype(BF16, "float", 2, "H", "<f4"),
        Datatype(BYTES, "bytes", 0, "", "O"),
    )
}
BY_NUMPY = {one.numpy.lstrip("<|"): one for one in DATATYPES.values() if one.name not in (BYTES, BF16)}
PIECE = 1 << 16  # bytes that are looked at together
PREFIX = struct.Struct("<I")  # the length of an element of BYTES, which stands before it


def elements_of(data: memoryview, datatype: Datatype) -> list[Any]:
    """The elements of a tensor that came as bytes of whole elements, but for BYTES."""
    count = len(data) // datatype.size
    found: list[Any] = list(struct.unpack(f"<{count}{datatype.code}", data))
    if datatype.name == BF16:
        return list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(one << 16 for one in found))))
    return found


def texts_of(data: memoryview, most: int) -> list[bytes] | None:
    """The elements of a tensor of BYTES: each after its length, of four bytes. `None` if it is cut off.

    If there are more than `most`, one more than these is all that is made of them.
    """
    found: list[bytes] = []
    at, end = 0, len(data)
    while at < end and len(found) <= most:
        if at + PREFIX.size > end:
            return None
        (length,) = PREFIX.unpack_from(data, at)
        at += PREFIX.size
        if at + length > end:
            return None
        found.append(bytes(data[at : at + length]))
        at += length
    return found


def has_only_booleans(data: memoryview) -> bool:
    """Whether each byte is 0 or 1."""
    pieces = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
    return not any(piece.tobytes().translate(None, b"\0\1") for piece in pieces)


def binary_of(elements: Sequence[Any], datatype: Datatype) -> bytes:
    """Elements as the bytes of a tensor."""
    if datatype.name == BYTES:
        return b"".join(part for one in elements for part in (PREFIX.pack(len(one)), one))
    return struct.pack(f"<{len(elements)}{datatype.code}", *elements)
