"""Memory that a server shares with the workers of a model: slots, each for one large body.

The server reads such a body from the network into a slot, and the array that the model gets lies there.
Nothing copies it, and a frame says only which slot it is.

    taken    u8 for each slot: 1 while a worker has it; the worker sets it back
    slots    `SLOTS` times `SLOT_BYTES`, behind `HEAD_BYTES`

What can go wrong, and what answers it:

- *A model keeps its array.* The slot is the worker's until nothing refers to it any more. There are few
  slots: a body that finds none goes through the socket, which copies it.
- *A worker dies.* What it had is taken back.
- *A call is tried again, or two workers get the same body.* The server holds the slot while it has the call,
  and lends it to one worker at a time: the other one gets the bytes.
- *A model forks a process, which has its arrays, too, and may have them for longer.* What a worker has at a
  fork, it keeps until it ends.
- *A model writes where it should not.* Workers get views that nobody may write to. What a worker breaks all
  the same, are bodies of its own model.
- *A worker cuts the memory off*, so that who touches it gets a signal. Its size is sealed.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from collections.abc import Sequence
from typing import Protocol

SLOTS = 16
SLOT_BYTES = 1 << 20  # as large as a body may be that is not on the disk
LEAST_BYTES = 32 << 10  # from which on a body is large
HEAD_BYTES = 4096
ALL_BYTES = HEAD_BYTES + SLOTS * SLOT_BYTES
NOT_SHARED = -1
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class _Owner(Protocol):
    def let_go(self, number: int) -> None: ...


class Slot(ctypes.c_ubyte * SLOT_BYTES):
    """One slot, for as long as anything refers to it or to a view of it; then its owner is told."""

    owner: _Owner
    number: int

    def __del__(self) -> None:
        self.owner.let_go(self.number)


def _slot(memory: mmap.mmap, owner: _Owner, number: int) -> memoryview:
    slot = Slot.from_buffer(memory, HEAD_BYTES + number * SLOT_BYTES)
    slot.owner, slot.number = owner, number
    return memoryview(slot).cast("B")


class BodySlots:
    """The slots of a model, as its server has them.

    They are there while a worker may have them, and take memory where a body has been.
    """

    def __init__(self) -> None:
        self._memory: mmap.mmap | None = None
        self._fd = -1
        self._held = bytearray(SLOTS)  # 1 while this process refers to a slot
        self._holders: list[Lender | None] = [None] * SLOTS
        self._lenders = 0

    def lender(self) -> Lender:
        """Who lends slots to one worker more. Raises `OSError`."""
        if self._memory is None:
            fd = os.memfd_create("modelport-bodies", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                os.ftruncate(fd, ALL_BYTES)
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
                self._memory = mmap.mmap(fd, ALL_BYTES)
            except BaseException:
                os.close(fd)
                raise
            self._fd = fd
        self._lenders += 1
        return Lender(self, self._fd)

    def take(self, length: int) -> memoryview | None:
        """A place for a body of so many bytes; `None` if there is none for it."""
        memory = self._memory
        if memory is None or not LEAST_BYTES < length <= SLOT_BYTES:
            return None
        for number in range(SLOTS):
            if not self._held[number] and not memory[number]:
                self._held[number] = 1
                return _slot(memory, self, number)[:length]
        return None

    def let_go(self, number: int) -> None:
        """This process does not refer to the slot any more."""
        self._held[number] = 0
        self._close_unused()

    def number_of(self, body: object) -> int:
        """The slot of a body that may be lent now; `NOT_SHARED` if it is in none, or a worker has it."""
        slot = body.obj if isinstance(body, memoryview) else None
        if not isinstance(slot, Slot) or slot.owner is not self or self._memory is None:
            return NOT_SHARED
        return NOT_SHARED if self._memory[slot.number] else slot.number

    def lend(self, numbers: Sequence[int], lender: Lender) -> None:
        """These are the worker's now, until it says otherwise."""
        assert self._memory is not None
        for number in numbers:
            self._memory[number], self._holders[number] = 1, lender

    def end(self, lender: Lender) -> None:
        """The worker is gone: what it had is free."""
        self._lenders -= 1
        for number, holder in enumerate(self._holders):
            if holder is lender and self._memory is not None:
                self._memory[number], self._holders[number] = 0, None
        self._close_unused()

    def _close_unused(self) -> None:
        if not self._lenders and self._memory is not None and not any(self._held):
            os.close(self._fd)
            self._memory, self._fd = (
                None,
                -1,
            )  # it is gone when nothing refers to it: the last slot is on its way


class Lender:
    """Lends slots to one worker, which has inherited `fd`; `end` it when the worker is gone."""

    def __init__(self, slots: BodySlots, fd: int):
        self.fd = fd
        self._slots = slots
        self._has_ended = False
        self.number_of = slots.number_of

    def lend(self, numbers: Sequence[int]) -> None:
        """These go to the worker now."""
        self._slots.lend(numbers, self)

    def end(self) -> None:
        """The worker is gone. Nothing happens the second time."""
        if not self._has_ended:
            self._has_ended = True
            self._slots.end(self)


class BorrowedSlots:
    """The slots of its model, as a worker has them; `fd` is closed."""

    def __init__(self, fd: int):
        try:
            self._memory = mmap.mmap(fd, ALL_BYTES)
        finally:
            os.close(fd)
        self._live: set[int] = set()
        self._kept: set[int] = set()
        os.register_at_fork(before=self._keep)

    def body(self, number: int, size: int) -> memoryview:
        """A body in a slot that has just been lent. Raises `ValueError` for what is no slot."""
        if not 0 <= number < SLOTS or not 0 <= size <= SLOT_BYTES:
            raise ValueError(f"there is no slot {number} of {size} bytes")
        self._live.add(number)
        return _slot(self._memory, self, number).toreadonly()[:size]

    def let_go(self, number: int) -> None:
        """Nothing here refers to the slot any more."""
        self._live.discard(number)
        if number not in self._kept:
            self._memory[number] = 0

    def _keep(self) -> None:
        self._kept |= self._live
