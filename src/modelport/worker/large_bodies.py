"""Calls whose large bodies follow them, as they came, so that neither side packs or unpacks what is large.

length  u32, big endian, of what comes next
parted  msgpack: how many bytes the body of each call has that is not in it, the calls without these, and the
        slots (`body_slots`) where they are, -1 for those that follow
bodies  one after the other
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec

from modelport.contract.calls import Call
from modelport.worker.body_slots import LEAST_BYTES, NOT_SHARED, BorrowedSlots

_LENGTH = struct.Struct(">I")


class _Parted(msgspec.Struct, array_like=True):
    sizes: list[int]  # 0 where the body is in the call
    calls: list[Call]
    slots: list[int]


class Parts(NamedTuple):
    """What stands before the bodies, the bodies, and the slots in which further ones are."""

    head: bytes
    bodies: list[bytes]
    slots: list[int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Parted).decode


def parted(calls: Sequence[Call], slot_of: Callable[[object], int] | None) -> Parts | None:
    """The calls without their large bodies, and these; `None` if none of the calls has one.

    `slot_of` tells in which slot a body is, if the receiver may have that.
    """
    for call in calls:
        if len(call.body) > LEAST_BYTES:
            break
    else:
        return None
    head, bodies, taken = _Parted([], [], []), list[bytes](), list[int]()
    for call in calls:
        size = len(call.body) if len(call.body) > LEAST_BYTES else 0
        slot = slot_of(call.body) if size and slot_of is not None else NOT_SHARED
        if slot != NOT_SHARED:
            taken.append(slot)
        elif size:
            bodies.append(call.body)
        head.sizes.append(size)
        head.slots.append(slot)
        head.calls.append(msgspec.structs.replace(call, body=b"") if size else call)
    message = _encode(head)
    return Parts(_LENGTH.pack(len(message)) + message, bodies, taken)


def joined(data: bytes | bytearray | memoryview, slots: BorrowedSlots | None = None) -> list[Call]:
    """The calls with their bodies. One that comes alone stays where it is, in `data`, which becomes its own.

    Those in a slot are views of it. Raises `msgspec.DecodeError`.
    """
    with memoryview(data) as view:
        at = _LENGTH.size + (_LENGTH.unpack_from(view)[0] if len(view) >= _LENGTH.size else 0)
        with view[_LENGTH.size : at] as message:
            found = _decode(message)
        follow = _taken_from_slots(found, slots)
        if at + sum(size for _, size in follow) != len(view):
            raise msgspec.DecodeError("it has other bodies than it says")
        if len(follow) > 1 or not isinstance(data, bytearray):
            for call, size in follow:
                call.body = bytes(view[at : at + size])
                at += size
            return found.calls
    for call, _ in follow:
        del data[:at]  # nothing is copied: it begins further behind
        call.body = cast("bytes", data)  # nobody changes it any more
    return found.calls


def _taken_from_slots(found: _Parted, slots: BorrowedSlots | None) -> list[tuple[Call, int]]:
    """Give calls their bodies that are in slots; returns the others that have large ones, and their sizes."""
    if not len(found.sizes) == len(found.calls) == len(found.slots):
        raise msgspec.DecodeError("it has other bodies than it says")
    follow: list[tuple[Call, int]] = []
    for call, size, slot in zip(found.calls, found.sizes, found.slots, strict=True):
        if slot == NOT_SHARED:
            follow += [(call, size)] if size else []
            continue
        if slots is None:
            raise msgspec.DecodeError("a body is in memory that is not shared with this process")
        try:
            call.body = cast("bytes", slots.body(slot, size))  # nobody may change it
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from None
    return follow
