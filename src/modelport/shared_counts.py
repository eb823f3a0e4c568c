"""How much of something each of several processes has under way, by name, in memory that they share.

Each process writes its own numbers alone, so nothing has to be locked to count; only a name that is new takes
a lock for a moment. Who looks adds up the numbers of all.

What can go wrong, and what answers it:

- *A process dies.* Its numbers are set to nothing (`forget`) by who sees it.
- *Two processes bring a name at once.* They take turns by a lock on the memory, which the kernel lets go of.
- *There are more names than room*, or the lock is not to be had soon: each process counts those alone.
- *Two names have the same 64 bits of a hash.* Chance alone does not make that.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
from time import sleep

SLOTS = 1 << 15
LOOKS = 64  # slots that a name may be in
TRIES, TRY_SECONDS = 20, 0.0005  # to have the lock


class SharedCounts:
    """The numbers of `processes`; made by the process that forks them, which each `take` their own place."""

    def __init__(self, processes: int):
        self._file = os.memfd_create("modelport-counts", os.MFD_CLOEXEC)
        size = 8 * SLOTS + 4 * SLOTS * processes
        os.ftruncate(self._file, size)
        memory = memoryview(mmap.mmap(self._file, size))
        self._names = memory[: 8 * SLOTS].cast("Q")
        begins = range(8 * SLOTS, size, 4 * SLOTS)
        self._counts = [memory[begin : begin + 4 * SLOTS].cast("I") for begin in begins]

    def forget(self, process: int) -> None:
        """A process has nothing under way any more."""
        self._counts[process].cast("B")[:] = bytes(4 * SLOTS)

    def of(self, name: str, process: int) -> SharedCount | None:
        """The numbers of a name, for a process; `None` if there is no room for it."""
        wanted = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") or 1
        slot = self._found(wanted)
        if slot is None and self._lock():
            try:
                slot = self._entered(wanted)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
        return None if slot is None else SharedCount(self._counts, slot, process)

    def _places(self, wanted: int) -> list[int]:
        return [(wanted + step) % SLOTS for step in range(LOOKS)]

    def _found(self, wanted: int) -> int | None:
        return next((slot for slot in self._places(wanted) if self._names[slot] == wanted), None)

    def _entered(self, wanted: int) -> int | None:
        """The slot of a name, which nobody else enters meanwhile."""
        slot = self._found(wanted)
        if slot is None:
            slot = next((one for one in self._places(wanted) if not self._names[one]), None)
            if slot is not None:
                self._names[slot] = wanted
        return slot

    def _lock(self) -> bool:
        for _ in range(TRIES):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                sleep(TRY_SECONDS)
            else:
                return True
        return False


class SharedCount:
    """The numbers of one name, of which a process changes its own."""

    __slots__ = ("_all", "_mine", "_slot")

    def __init__(self, counts: list[memoryview], slot: int, process: int):
        self._all = counts
        self._mine = counts[process]
        self._slot = slot

    def add(self, number: int) -> None:
        """This process has so many more, or less."""
        self._mine[self._slot] += number

    def total(self) -> int:
        """How many all processes have."""
        slot = self._slot
        return sum([counts[slot] for counts in self._all])
