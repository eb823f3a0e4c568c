"""The place of a body whose length is known: it grows with what has come, and what it takes is counted."""

from __future__ import annotations

from collections.abc import Callable

from modelport.http.body_memory import BodyMemory
from modelport.memory import unfilled

FIRST_BYTES = 64 << 10  # of a place, at least
TIMES = 4  # so many times what has come it may be


class BodyPlace:
    """A place for a body of `length` bytes, which `slot` may have memory for that is shared with others.

    `has_room` turns false once all bodies in memory take too much together, with this one.
    """

    __slots__ = ("_data", "_hold", "_length", "_slot", "filled", "has_room")

    def __init__(
        self, length: int, memory: BodyMemory, slot: Callable[[int], memoryview | None] | None = None
    ):
        self._length = length
        self._hold = memory.hold()
        self._slot = slot
        self._data: bytearray | memoryview = bytearray()
        self.filled = 0
        self.has_room = True
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        """Let there be room for so many bytes, at least."""
        room = min(self._length, max(FIRST_BYTES, TIMES * size))
        shared = self._slot(room) if self._slot is not None and room == self._length else None
        # A new one, since the transport may still hold the memory of the last one.
        before, self._data = self._data, unfilled(room) if shared is None else shared
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

    def give(self) -> bytearray | memoryview:
        """What has come, which is no longer counted here. A view of shared memory is of a whole body."""
        self._hold.change(0)
        data, self._data = self._data, bytearray()
        return data if self.filled == len(data) else bytearray(data[: self.filled])
