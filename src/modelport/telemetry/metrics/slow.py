"""What takes a while to read, and so is read off the event loop, with a deadline, and not for each scrape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

log = logging.getLogger("modelport.telemetry")

T = TypeVar("T")
DEADLINE = 2.0  # seconds that a scrape waits for a part of it
STALE = 60.0  # what could not be read for so long is not shown any more
SHARE = 20.0  # what took long is read that much more seldom, so that it takes 5 % of a thread at most


class SlowReading(Generic[T]):
    """Reads by `read`, at most once in so many seconds. `value` is `None` where nothing is known.

    `failures` counts how often that could not be read, or not in time. Where the `deadline` is `None` nobody
    waits for it: what was read before is shown, if that is not `stale`.
    """

    def __init__(
        self,
        part: str,
        seconds: float,
        read: Callable[[], Awaitable[T]],
        *,
        deadline: float | None = DEADLINE,
        stale: float = STALE,
    ):
        self.part = part
        self.failures = 0
        self.value: T | None = None
        self._seconds = seconds
        self._read = read
        self._deadline = deadline
        self._stale = stale
        self._clock = asyncio.get_running_loop().time
        self._read_at = 0.0  # when the value was read
        self._next_at = 0.0
        self._reading: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Read again, if that is due, but do not wait for ever."""
        if self._reading is None and self._clock() < self._next_at:
            return
        if self._reading is None:
            self._reading = asyncio.create_task(self._renew())
        if self._deadline is not None:
            _, late = await asyncio.wait([self._reading], timeout=self._deadline)
            self.failures += bool(late)
        if self._clock() > self._read_at + self._stale:
            self.value = None

    async def _renew(self) -> None:
        begun = self._clock()
        try:
            self.value = await self._read()
            self._read_at = self._clock()
        except Exception as error:  # whatever it is, the other parts of the scrape are shown
            self.failures += 1
            self.value = None
            log.warning("metrics: %s cannot be read: %s", self.part, error)
        finally:
            now = self._clock()
            self._next_at = now + max(self._seconds, SHARE * (now - begun))
            self._reading = None

    async def stop(self) -> None:
        """Give up what is being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
