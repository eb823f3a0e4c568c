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
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

from modelport.http.addresses import keep_little_unsent
from modelport.http.forwarded import TrustedProxies
from modelport.http.limits import HttpLimits
from modelport.http.protocol import HttpProtocol
from modelport.http.server_state import Gathers, ServerState, Take
from modelport.http.spread import Acceptor, Spread
from modelport.http.tls import TlsConnection
from modelport.http.tls_files import Certificates

logger = logging.getLogger("modelport.http")

BACKLOG = 2048  # connections that wait to be accepted
# A client may have sent its next request before it can know that the server stops: one more is answered.
LAST_REQUESTS_S = 0.1
CANCEL_S = 1.0  # for what was cancelled to end
Connect = Callable[[], asyncio.Protocol]


class Seen(NamedTuple):
    """What a server has seen: connections that are open, and were `accepted` so far; and how often a request
    or a connection was `refused` by HTTP itself, by status.
    """

    connections: int
    accepted: int
    refused: Mapping[int, int]


class HttpServer:
    """Answers HTTP/1.1 on sockets, in the running event loop. `take` is offered requests before `app`, and
    `gathers` says of which it wants the body whole.

    What both see of a path begins with `root_path`, which a proxy has cut off. `proxies` are believed what
    they say of their clients.
    """

    def __init__(
        self,
        app: Any,
        limits: HttpLimits,
        take: Take | None = None,
        root_path: str = "",
        proxies: TrustedProxies | None = None,
        gathers: Gathers | None = None,
    ):
        self._state = ServerState(app, limits, take, root_path, proxies, gathers)
        self._listeners: list[tuple[asyncio.Server | Acceptor, socket.socket, Connect]] = []
        self._clock: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Timeout | None = None
        self._is_cut = False

    @property
    def seen(self) -> Seen:
        """What it has seen so far."""
        state = self._state
        return Seen(len(state.connections), state.accepted, state.refused)

    @property
    def is_answering(self) -> bool:
        """Whether requests are under way, but for those that `take` has taken."""
        return bool(self._state.tasks)

    async def listen(
        self, sock: socket.socket, certificates: Certificates | None = None, spread: Spread | None = None
    ) -> None:
        """Accept connections from a bound socket, which is closed when the server stops listening.

        With `certificates` they speak TLS; with `spread` other processes accept from it, too.
        """
        if self._clock is None:
            self._tell_time()
        keep_little_unsent(sock)
        loop, connect = self._state.loop, self._connect(certificates)
        if spread is not None:
            server = Acceptor(sock, connect, spread, lambda: len(self._state.connections))
            server.open()
            self._state.when_left = server.note
        elif sock.family == socket.AF_UNIX:
            server = await loop.create_unix_server(connect, sock=sock, backlog=BACKLOG)
        else:
            server = await loop.create_server(connect, sock=sock, backlog=BACKLOG)
        self._listeners.append((server, sock, connect))

    def _connect(self, certificates: Certificates | None) -> Connect:
        """What makes the protocol of a new connection."""
        state = self._state
        if certificates is None:
            return lambda: HttpProtocol(state)
        return lambda: TlsConnection(certificates.context, HttpProtocol(state))

    def _tell_time(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = self._state.loop.call_later(1.0, self._tell_time)

    async def stop_listening(self) -> None:
        """Accept no more connections but those that wait for it: closing their socket would reset them."""
        waiting = [(one, connect) for _, sock, connect in self._listeners for one in _waiting(sock)]
        self._close_listeners()
        for one, connect in waiting:
            await self._state.loop.connect_accepted_socket(connect, one)

    def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        for server, sock, _ in listeners:
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
