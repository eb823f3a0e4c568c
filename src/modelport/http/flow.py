"""Whether a connection is read from and written to: what waits on either side must not grow without bound."""

from __future__ import annotations

import asyncio

MOST_UNREAD = 64 << 10  # bytes of a body that the application has not taken; then no more is read


class Flow:
    """Both directions of one connection. `held` keeps it from being read whoever asks for more: requests
    that were read already wait to be parsed.
    """

    __slots__ = ("_transport", "_writable", "held", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport):
        self._transport = transport
        self._writable: asyncio.Event | None = None  # there is one while somebody waits for it
        self.held = False
        self.read_paused = False
        self.write_paused = False

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused and not self.held:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    async def drain(self) -> None:
        """Wait until the client has taken enough, or is gone."""
        if self.write_paused:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()
