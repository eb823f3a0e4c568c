"""The clock of a server's connections: one timer, which looks at each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from modelport.http.cycle import logger
from modelport.http.limits import HttpLimits
from modelport.http.watches import SentWatch

LITTLE_UNSENT = 64 << 10  # a connection with no more is not cut for the memory that it takes


class Swept(Protocol):
    """A connection that is looked at."""

    @property
    def sent(self) -> SentWatch: ...
    def on_tick(self, now: float) -> None: ...
    def cut(self, why: str) -> None: ...


class Sweep:
    """Looks at each connection of one server every `tick` seconds, while there are any."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connections: Collection[Swept], limits: HttpLimits
    ) -> None:
        shortest = min(limits.header_deadline_s, limits.body_idle_s, limits.write_idle_s, limits.keep_alive_s)
        self._loop = loop
        self._connections = connections
        self._tick = min(max(shortest / 8, 0.02), 1.0)
        self._most_unsent = limits.unsent_bytes
        self._armed = False

    def arm(self) -> None:
        """Begin to look, if nobody does."""
        if not self._armed:
            self._armed = True
            self._loop.call_later(self._tick, self._look)

    def _look(self) -> None:
        self._armed = False
        now = self._loop.time()
        swept = list(self._connections)
        for connection in swept:
            try:
                connection.on_tick(now)
            except Exception:  # one connection's failure must not end the deadlines of all
                logger.exception("the deadline check of a connection failed")
        cut_slow_readers(swept, self._most_unsent)
        if self._connections:
            self.arm()


def cut_slow_readers(connections: Sequence[Swept], most: int) -> None:
    """Keep what clients have not taken of their answers within `most` bytes: who owes for longest goes."""
    unsent = sum(one.sent.bytes for one in connections)
    if unsent <= most:
        return
    for connection in sorted(connections, key=lambda one: one.sent.since):
        if connection.sent.bytes > LITTLE_UNSENT:
            unsent -= connection.sent.bytes
            connection.cut("too much is waiting for slow readers")
        if unsent <= most:
            return
