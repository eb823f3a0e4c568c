"""A window of a stream that a task waits for, in a worker's event loop or in the server's."""

from __future__ import annotations

import asyncio

from modelport.worker.streams import Window


class AwaitedWindow(Window):
    """A window that a task waits for, while others run."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = asyncio.Event()

    def take(self, chunks: int) -> None:
        super().take(chunks)
        self._taken.set()

    async def has_room(self) -> None:
        """Wait until there may be another chunk."""
        while self.is_full:
            self._taken.clear()
            await self._taken.wait()
