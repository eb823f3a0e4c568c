"""The last lines that one model's processes printed, of all its versions together, for who follows them."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from time import time
from typing import Any, NamedTuple

KEPT_LINES = 2000


class Line(NamedTuple):
    """A line, and what is known of it: `worker` is a process id, `request_id` the call that printed it."""

    number: int
    at: float
    version: int
    worker: int
    request_id: str
    text: str


class ModelLog:
    """Lines of a model, numbered from 1. `name` is unlike that of any other log, such as the one of this
    model in a server before.

    One for a model, which the pools of all its versions share: what is promoted, or loaded anew, goes on in
    it.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(4)
        self.is_closed = False
        self._count = 0
        self._lines: deque[Line] = deque(maxlen=KEPT_LINES)
        self._moved: asyncio.Event | None = None  # while somebody waits

    def add(self, text: str, version: int, told: Mapping[str, Any]) -> None:
        """Take a line, with what `told` says of it."""
        self._count += 1
        worker, request_id = told.get("worker", 0), told.get("request_id", "")
        self._lines.append(Line(self._count, time(), version, worker, request_id, text))
        self._move()

    def last(self, most: int) -> int:
        """The number of the line after which the last so many come."""
        return max(0, self._count - most)

    def after(self, number: int, most: int = KEPT_LINES) -> Sequence[Line]:
        """The lines after this one that are still there, at most so many."""
        gone = self._count - len(self._lines)
        first = max(0, number - gone)
        return list(islice(self._lines, first, first + most))

    async def moved(self, seconds: float) -> bool:
        """Wait for another line, or the end; false if neither came for so long."""
        self._moved = self._moved or asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Nobody is to wait any more: the server stops."""
        self.is_closed = True
        self._move()

    def _move(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None
