"""Tensors in the shared memory of clients: regions that they register by name, and requests that point there.

Source: Triton's system shared memory extension. A region is a file of `/dev/shm`, by its name alone. It is
another process's: whoever has it may cut it off at any moment. So it is read and written as a file and never
mapped, where that would end the worker, and its size is looked at whenever it is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from modelport.contract.calls import Call, Elsewhere
from modelport.contract.errors import BadRequest

FOLDER = "/dev/shm"
KEY = re.compile(r"/?(?!\.{1,2}$)(?!sem\.)[A-Za-z0-9_.-]{1,250}")
PARAMETERS = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")
SHOWN = 100  # characters of a name in a message
OFF = "this server reads no shared memory of clients: start it with allow_client_shm, or send the data itself"


class Region(msgspec.Struct, frozen=True):
    """A region that `owner`, the id of a principal, has registered."""

    name: str
    key: str
    offset: int
    byte_size: int
    owner: str


class Regions(msgspec.Struct):
    """All regions, and how many bytes of them one request may use; 0 is any number."""

    most: int
    regions: list[Region]


class Place(msgspec.Struct):
    """Where in a region a tensor is."""

    region: str
    offset: int
    size: int


def place_among(whose: str, parameters: dict[str, Any]) -> Place | None:
    """Where the parameters of a tensor say that it is, which are taken from them. Raises `BadRequest`."""
    given = {name: parameters.pop(name) for name in PARAMETERS if name in parameters}
    if not given:
        return None
    region = given.get(PARAMETERS[0])
    if not isinstance(region, str):
        raise BadRequest(f"{whose}: its {PARAMETERS[0]} must be the name of a region")
    given.setdefault(PARAMETERS[2], 0)
    size, offset = (_bytes(whose, name, given) for name in PARAMETERS[1:])
    return Place(region, offset, size)


def _bytes(whose: str, name: str, given: dict[str, Any]) -> int:
    value = given.get(name)
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise BadRequest(f"{whose}: its {name} is {value!r:.100}: it must be a number of bytes")
    return value


def parameters_of(place: Place, size: int) -> dict[str, Any]:
    """What says of a tensor of this size that it is there."""
    found: dict[str, Any] = {PARAMETERS[0]: place.region, PARAMETERS[1]: size}
    return found | {PARAMETERS[2]: place.offset} if place.offset else found


class ClientMemory:
    """What one call may use of the regions that its file lists. What it has used is noted with the call."""

    def __init__(self, call: Call):
        self._call = call
        self._used = 0
        self._known: Regions | None = None  # read once for all tensors of the call

    def read(self, whose: str, place: Place) -> memoryview:
        """The bytes there. Raises `BadRequest`."""
        region = self._region(whose, place)
        with _opened(whose, region, os.O_RDONLY) as file:
            data = bytearray(place.size)
            at, view = region.offset + place.offset, memoryview(data)
            while view:
                count = os.preadv(file, [view], at)
                if not count:
                    raise BadRequest(f"{whose}: its region {region.name[:SHOWN]!r} has become shorter")
                at, view = at + count, view[count:]
        self._note(taken=len(data))
        return memoryview(data)

    def write(self, whose: str, place: Place, data: bytes) -> None:
        """Put the bytes there. Raises `BadRequest`, also if they are more."""
        if len(data) > place.size:
            raise BadRequest(
                f"{whose} has {len(data)} bytes, and its {PARAMETERS[1]} is {place.size}: register more"
            )
        region = self._region(whose, place)
        with _opened(whose, region, os.O_RDWR) as file:
            at, view = region.offset + place.offset, memoryview(data)
            while view:
                count = os.pwrite(file, view, at)
                at, view = at + count, view[count:]
        self._note(given=len(data))

    def _note(self, taken: int = 0, given: int = 0) -> None:
        before = self._call.elsewhere
        self._call.elsewhere = Elsewhere(before.taken + taken, before.given + given)

    def _region(self, whose: str, place: Place) -> Region:
        if not self._call.client_memory:
            raise BadRequest(f"{whose}: {OFF}")
        known = self._known = self._known or known_regions(self._call.client_memory)
        named = [one for one in known.regions if (one.name, one.owner) == (place.region, self._call.by)]
        if not named:
            raise BadRequest(f"{whose}: you have registered no region {place.region[:SHOWN]!r}")
        if place.offset + place.size > named[0].byte_size:
            raise BadRequest(
                f"{whose}: its region {named[0].name[:SHOWN]!r} has {named[0].byte_size} bytes, and not "
                f"{place.size} from {place.offset} on"
            )
        self._used += place.size
        if known.most and self._used > known.most:
            raise BadRequest(f"{whose}: a request may use {known.most} bytes of shared memory, and no more")
        return named[0]


def known_regions(file: str) -> Regions:
    """What a file lists; nothing if nobody has registered anything yet."""
    try:
        return msgspec.json.decode(Path(file).read_bytes(), type=Regions)
    except FileNotFoundError:
        return Regions(0, [])


def check_region(region: Region) -> None:
    """Raise `BadRequest` if there is no such memory, or less of it."""
    with _opened(f"the region {region.name[:SHOWN]!r}", region, os.O_RDWR):
        pass


@contextlib.contextmanager
def _opened(whose: str, region: Region, flags: int) -> Generator[int]:
    """The file of a region, which is a file of memory, and large enough. Raises `BadRequest`."""
    shown = repr(region.key[:SHOWN])
    path = f"{FOLDER}/{region.key.removeprefix('/')}"
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadRequest(f"{whose}: the memory {shown} cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(file)
        end = region.offset + region.byte_size
        if not stat.S_ISREG(found.st_mode):
            raise BadRequest(f"{whose}: {shown} is no memory")
        if found.st_size < end:
            raise BadRequest(
                f"{whose}: the memory {shown} has {found.st_size} bytes, and its region ends at {end}"
            )
        yield file
    finally:
        os.close(file)
