"""The place of a body whose length is known: it grows with what has come, and what it takes is counted."""

from __future__ import annotations

from modelport.http.body_memory import BodyMemory
from modelport.memory import unfilled

FIRST_BYTES = 64 << 10  # of a place, at least
TIMES = 4  # so many times what has come it may be


class BodyPlace:
    """A place for a body of `length` bytes.

    `has_room` turns false once all bodies in memory take too much together, with this one.
    """

    __slots__ = ("_data", "_hold", "_length", "filled", "has_room")

    def __init__(self, length: int, memory: BodyMemory):
        self._length = length
        self._hold = memory.hold()
        self._data = bytearray()
        self.filled = 0
        self.has_room = True
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        """Let there be room for so many bytes, at least."""
        room = min(self._length, max(FIRST_BYTES, TIMES * size))
        # A new one, since the transport may still hold the memory of the last one.
        before, self._data = self._data, unfilled(room)
        self._data[: self.filled] = memoryview(before)[: self.filled]
        self.has_room = self._hold.change(room)

    @property
    def free(self) -> memoryview:
        """Where what comes next belongs; it is never empty before all has come."""
        return memoryview(self._data)[self.filled :]

    def came(self, size: int) -> None:
        """So many bytes were put to where they belong."""
        self.filled += size
        if self.filled == len(self._data) < self._length:
            self._make_room(self.filled + 1)

    def put(self, data: memoryview) -> None:
        """Copy to the place what was read elsewhere, no more than is missing."""
        end = self.filled + len(data)
        if end > len(self._data):
            self._make_room(end)
        self._data[self.filled : end] = data
        self.came(len(data))

    def give(self) -> bytearray:
        """What has come, which is no longer counted here."""
        self._hold.change(0)
        data, self._data = self._data, bytearray()
        if self.filled < len(data):
            data = data[: self.filled]
        return data
