"""A server: listening sockets, the time of day in each answer, and an orderly end.

It ends in three steps, each of which the caller takes: `stop_listening`, after which nobody new comes in;
`last_requests`, in which those who are connected learn that their next answer is the last; and `end`, which
waits for the answers that are under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from email.utils import formatdate
from functools import partial
from typing import Any

from modelport.http.addresses import keep_little_unsent
from modelport.http.limits import HttpLimits
from modelport.http.protocol import HttpProtocol
from modelport.http.server_state import ServerState, Take

logger = logging.getLogger("modelport.http")

BACKLOG = 2048  # connections that wait to be accepted
# A client may have sent its next request before it can know that the server stops: one more is answered.
LAST_REQUESTS_S = 0.1
CANCEL_S = 1.0  # for what was cancelled to end


class HttpServer:
    """Answers HTTP/1.1 on sockets, in the running event loop. `take` is offered requests before `app`."""

    def __init__(self, app: Any, limits: HttpLimits, take: Take | None = None):
        self._state = ServerState(app, limits, take)
        self._connect = partial(HttpProtocol, self._state)
        self._listeners: list[tuple[asyncio.Server, socket.socket]] = []
        self._clock: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Timeout | None = None
        self._is_cut = False

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections from a bound socket, which is closed when the server stops listening."""
        if self._clock is None:
            self._tell_time()
        keep_little_unsent(sock)
        server = await self._state.loop.create_server(self._connect, sock=sock, backlog=BACKLOG)
        self._listeners.append((server, sock))

    def _tell_time(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = self._state.loop.call_later(1.0, self._tell_time)

    async def stop_listening(self) -> None:
        """Accept no more connections but those that wait for it: closing their socket would reset them."""
        waiting = [one for _, sock in self._listeners for one in _waiting(sock)]
        self._close_listeners()
        for one in waiting:
            await self._state.loop.connect_accepted_socket(self._connect, one)

    def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        for server, sock in listeners:
            server.close()
            sock.close()

    async def last_requests(self, seconds: float = LAST_REQUESTS_S) -> None:
        """Let each connection end with its next answer, and close those on which nothing is asked by then."""
        self._state.is_ending = True
        for connection in list(self._state.connections):
            connection.end_soon()
        await self._until_vacant(seconds)
        for connection in list(self._state.connections):
            connection.end_if_idle()

    async def end(self, seconds: float) -> None:
        """Wait until what was asked is answered; after so many seconds, what is left is cancelled."""
        if await self._until_vacant(seconds) or self._is_cut:
            return
        tasks = set(self._state.tasks)
        if tasks:
            logger.error("%d requests were not answered in time, and are cancelled", len(tasks))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_S)
        for connection in list(self._state.connections):
            connection.cut("the server ends")

    def close(self) -> None:
        """Let go of the sockets, and look at the time no more."""
        self._close_listeners()
        if self._clock is not None:
            self._clock.cancel()

    def cut(self) -> None:
        """Wait for nothing any more: `last_requests` and `end` return at once."""
        self._is_cut = True
        if self._waiting is not None:
            self._waiting.reschedule(self._state.loop.time())

    async def _until_vacant(self, seconds: float) -> bool:
        """Whether there are no connections and no tasks any more, by then."""
        try:
            async with asyncio.timeout(0 if self._is_cut else seconds) as self._waiting:
                await self._state.vacant.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting = None
        return True


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """The connections that were made and that nobody has accepted."""
    listener.setblocking(False)
    found: list[socket.socket] = []
    with contextlib.suppress(OSError):  # there is none left, or no file for it
        while True:
            found.append(listener.accept()[0])
    return found
