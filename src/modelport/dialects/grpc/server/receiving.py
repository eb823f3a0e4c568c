"""How much of the messages of clients may be on its way in, and for how long.

A message is whole before anybody sees it, so what clients may cost is bounded before: as many come in at a
time as have room in `MOST_BYTES`, were each as large as it may be, and when that many do, no more than half
of them from one address. A client that does not send its own in time is told so. What waits for its turn is
held back by HTTP/2, in the client.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from modelport.dialects.grpc.server.statuses import DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE

MOST_BYTES = 1 << 30
FEWEST = 4
MOST = 64
STREAMS = 256  # that may be open: each waits for its next message, which may be of any size


class NotReceived(Exception):
    """No message came: the status of gRPC, and why."""

    def __init__(self, code: int, detail: str):
        self.code = code
        super().__init__(detail)


class Receiving:
    """Counts those that come in. `seconds` is how long one may take; 0 for any time."""

    def __init__(self, message_bytes: int, seconds: float):
        self._most = max(min(MOST_BYTES // max(message_bytes, 1), MOST), FEWEST)
        self._seconds = seconds or None
        self._turns = asyncio.Semaphore(self._most)
        self._of: Counter[str] = Counter()
        self._streams = 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncGenerator[None]:
        """A message may come in. Raises `NotReceived` if it does not come in time, or had no turn."""
        if self._of[address] >= max(self._most // 2, 1) and self._turns.locked():
            raise NotReceived(
                RESOURCE_EXHAUSTED, "as many messages of your address come in as may: send them one by one"
            )
        self._of[address] += 1
        is_coming = False
        try:
            async with asyncio.timeout(self._seconds):
                async with self._turns:
                    is_coming = True
                    yield
        except TimeoutError:
            late = f"no whole message has come within {self._seconds:g} s"
            busy = "too many messages come in now; try again later"
            code = DEADLINE_EXCEEDED if is_coming else UNAVAILABLE
            raise NotReceived(code, late if is_coming else busy) from None
        finally:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[None]:
        """A stream of messages is open. Raises `NotReceived` if there are too many."""
        if self._streams >= STREAMS:
            raise NotReceived(RESOURCE_EXHAUSTED, f"{STREAMS} streams are open, and there may be no more")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
