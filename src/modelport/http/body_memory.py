"""How much of the requests' bodies may be in memory, all together; what is more goes to the disk."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType

# Bodies of no more are always kept in memory: so many connections, so much memory, and no more.
SMALL_BYTES = 16 << 10


class BodyMemory:
    """Counts the bytes of bodies that are read or waiting. One for the application."""

    def __init__(self, most: int = 0):
        self._most = most or sys.maxsize
        self.held = 0  # bytes, now
        self.turn = asyncio.Lock()  # of the forms that are parsed, see `MultipartForm`

    def take(self, size: int) -> bool:
        """Count a body that is in memory already; false, and not counted, if that is too much."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """A body that was counted is no longer there."""
        self.held -= size

    def hold(self) -> BodyHold:
        """A share for one request: `with memory.hold() as hold`."""
        return BodyHold(self)


class BodyHold:
    """What one request holds of it, until the block ends."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: BodyMemory):
        self._memory = memory
        self._size = 0

    @property
    def turn(self) -> asyncio.Lock:
        """The lock that whoever parses a form of many parts shares with the others."""
        return self._memory.turn

    def change(self, size: int) -> bool:
        """The body takes so many bytes now. False, and counted all the same, if all take too much."""
        more, self._size = size - self._size, size
        if self._memory.take(more):
            return True
        self._memory.give(-more)
        return False

    def __enter__(self) -> BodyHold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.give(self._size)
