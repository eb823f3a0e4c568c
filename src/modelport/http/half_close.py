"""A client that has closed its sending half: it may wait for its answer, or be gone.

Both look the same until something is sent: a client that is gone resets the connection then. So it is sent an
interim response, which a client that waits passes over (RFC 9110, 15.2).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

FIRST_S = 0.1  # most answers need no longer, and then nothing has to be asked
LOOK_S = 0.05
AGAIN_S = 5.0
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSED = 7  # TCP_CLOSE in linux/tcp_states.h


class HalfClose:
    """Asks such a client whether it is there, until its connection ends. `may_ask` tells whether nothing of
    the answer has been sent yet, to a client that knows interim responses.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, may_ask: Callable[[], bool]
    ):
        self._loop = loop
        self._transport = transport
        self._may_ask = may_ask
        self._timer = loop.call_later(FIRST_S, self._ask)

    def end(self) -> None:
        """The connection has ended."""
        self._timer.cancel()

    def _ask(self) -> None:
        if not self._ended():
            if self._may_ask() and not self._transport.get_write_buffer_size():
                self._transport.write(INTERIM)
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if not self._ended():
            self._timer = self._loop.call_later(AGAIN_S, self._ask)

    def _ended(self) -> bool:
        """Whether the client has reset the connection, which nobody is told who does not read or write."""
        if self._transport.is_closing():
            return True
        if not _is_reset(self._transport):
            return False
        self._transport.abort()
        return True


def _is_reset(transport: asyncio.Transport) -> bool:
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSED
    except OSError:
        return True
