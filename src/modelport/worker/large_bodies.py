"""Calls whose large bodies follow them, as they came, so that neither side packs or unpacks what is large.

length  u32, big endian, of what comes next
parted  msgpack: how many bytes of each call follow, and the calls without these
bodies  one after the other
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import cast

import msgspec

from modelport.contract.calls import Call

LARGE = 32 << 10  # bytes, from which on it pays
_LENGTH = struct.Struct(">I")


class _Parted(msgspec.Struct, array_like=True):
    following: list[int]  # 0 where the body is in the call
    calls: list[Call]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Parted).decode


def parted(calls: Sequence[Call]) -> tuple[bytes, list[bytes]] | None:
    """What stands before the bodies, and these; `None` if none of the calls has a large one."""
    for call in calls:
        if len(call.body) > LARGE:
            break
    else:
        return None
    following = [len(call.body) if len(call.body) > LARGE else 0 for call in calls]
    pairs = list(zip(calls, following, strict=True))
    short = [msgspec.structs.replace(call, body=b"") if size else call for call, size in pairs]
    message = _encode(_Parted(following, short))
    return _LENGTH.pack(len(message)) + message, [call.body for call, size in pairs if size]


def joined(data: bytes | bytearray | memoryview) -> list[Call]:
    """The calls with their bodies. One that comes alone stays where it is, in `data`, which becomes its own.

    Raises `msgspec.DecodeError`.
    """
    with memoryview(data) as view:
        at = _LENGTH.size + (_LENGTH.unpack_from(view)[0] if len(view) >= _LENGTH.size else 0)
        with view[_LENGTH.size : at] as message:
            found = _decode(message)
        if len(found.following) != len(found.calls) or at + sum(found.following) != len(view):
            raise msgspec.DecodeError("it has other bodies than it says")
        larges = [(call, size) for call, size in zip(found.calls, found.following, strict=True) if size]
        if len(larges) > 1 or not isinstance(data, bytearray):
            for call, size in larges:
                call.body = bytes(view[at : at + size])
                at += size
            return found.calls
    for call, _ in larges:
        del data[:at]  # nothing is copied: it begins further behind
        call.body = cast("bytes", data)  # nobody changes it any more
    return found.calls
