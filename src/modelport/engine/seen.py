"""What may be seen of the workers of a pool and of its queue, by who shows them and changes nothing."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol


class SeenWorker(Protocol):
    """What may be seen of a worker."""

    retiring: bool  # it gets no more calls, and its successor has been started

    @property
    def ready(self) -> bool:
        """Whether it may be given calls."""
        ...

    @property
    def pid(self) -> int:
        """The id of its process; 0 until it was started, and if it is no process of this machine."""
        ...

    @property
    def number(self) -> int:
        """Its place among those of its pool, from 0: the successor of one that has ended gets the same."""
        ...

    @property
    def in_flight(self) -> Sized:
        """The calls that it has."""
        ...

    def drain_output(self, *, to_end: bool = False) -> None:
        """Read what it has printed so far; `to_end`: half a line that stands there is a line, too."""
        ...


class CallQueue(Protocol):
    """The calls of a pool that are not answered yet.

    `last_asked` is when the last one came, by the clock of the loop; 0 if none has.
    """

    last_asked: float

    @property
    def waiting(self) -> int:
        """How many no worker has yet."""
        ...

    @property
    def pending(self) -> Sized:
        """All of them."""
        ...
