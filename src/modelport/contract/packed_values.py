"""Values on their way from one model to another: msgpack, in which arrays are bytes as they lie in memory.

Nothing is pickled. An array of booleans, numbers, texts, bytes, dates or durations comes out as it went in,
whatever its shape. Anything else is what it is in JSON (`plain`), but for bytes, which stay bytes.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, cast

import msgspec

from modelport.contract.plain import key_texts, plain
from modelport.contract.plain_checks import is_plain

PACKED = "application/vnd.modelport.values"  # the media type of what is packed here
ARRAY = 1  # the code of the extension of msgpack
KINDS = "?biufcSUmM"  # of the elements of arrays, as numpy names them
HEADER = struct.Struct(">H")  # the length of an array's description, which comes before its bytes

_encoder = msgspec.msgpack.Encoder()


def packed(value: Any) -> bytes:
    """The value as bytes. Raises `TypeError` for what has no form, such as an array of objects."""
    return _encoder.encode(value if is_plain(value) else _sendable(value))


def unpacked(data: bytes) -> Any:
    """The value that was packed: dictionaries, lists, texts, numbers, booleans, None, bytes, arrays.

    Raises `msgspec.DecodeError` or `ValueError` if that is not what the bytes are.
    """
    return _decoder.decode(data)


def _sendable(value: Any) -> Any:
    if is_plain(value):
        return value
    kind = cast("type[object]", type(value))
    if kind in (bytes, bytearray, memoryview):
        return bytes(value)
    if kind is dict:
        return dict(zip(key_texts(value), map(_sendable, value.values()), strict=True))
    if kind in (list, tuple):
        return [_sendable(item) for item in value]
    if hasattr(kind, "detach") and hasattr(kind, "cpu"):  # a tensor of torch
        return _array(value.detach().cpu().numpy())
    if is_array(kind):
        return _array(value)
    if hasattr(kind, "model_dump"):  # pydantic
        return _sendable(value.model_dump())
    if dataclasses.is_dataclass(kind):
        return {field.name: _sendable(getattr(value, field.name)) for field in dataclasses.fields(kind)}
    return plain(value)


def is_array(kind: type[object]) -> bool:
    """True for numpy's arrays, without an import of it; what masks some of its elements is none."""
    names = [(base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__]
    return ("numpy", "ndarray") in names and ("numpy", "MaskedArray") not in names


def _array(value: Any) -> Any:
    import numpy

    array = numpy.ascontiguousarray(value).reshape(numpy.shape(value))  # it has made one axis of none
    if array.dtype.kind not in KINDS:
        raise TypeError(
            f"an array of {array.dtype} cannot be given to another model: give a list, or an array of numbers"
        )
    described = _encoder.encode([array.dtype.str, list(array.shape)])
    return msgspec.msgpack.Ext(ARRAY, HEADER.pack(len(described)) + described + array.tobytes())


def _unpacked_array(code: int, data: memoryview) -> Any:
    if code != ARRAY or len(data) < HEADER.size:
        raise ValueError(f"there is no value of {len(data)} bytes with the code {code}")
    import numpy

    start = HEADER.size + HEADER.unpack_from(data)[0]
    dtype, shape = _described.decode(data[HEADER.size : start])
    flat = numpy.frombuffer(data[start:], dtype=numpy.dtype(dtype))
    return flat.reshape(shape).copy()  # which may be written to, and lies where its type wants it


_described = msgspec.msgpack.Decoder(tuple[str, list[int]])
_decoder = msgspec.msgpack.Decoder(ext_hook=_unpacked_array)
