"""Accepting connections that several processes wait for at one socket, so that each has about as many.

The kernel wakes all of them, and an event loop accepts whatever waits: of 64 connections that came at once
one process of two has had 58, or all. So each tells the others, in memory that they share, how many it has,
and leaves a connection to one that has less.

What can go wrong, and what answers it:

- *The one that has less is busy, or hangs.* It is left `LOOKS` times the time of a pause, then others take
  what waits.
- *A process dies.* Its place says so (`NOBODY`), and it counts for nothing.
- *No file is left for a connection.* It waits, and is tried again in a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

NOBODY = 0xFFFFFFFF  # the count of a process that accepts nothing
PAUSE_SECONDS = 0.001
LOOKS = 10
FULL_SECONDS = 1.0


class Spread:
    """How many connections each of several processes has, in memory that they share; this one's `number`."""

    def __init__(self, counts: memoryview, number: int):
        self._counts = counts
        self._number = number

    def note(self, connections: int) -> None:
        """This process has so many."""
        self._counts[self._number] = connections

    def leave(self) -> None:
        """This process accepts no more."""
        self._counts[self._number] = NOBODY

    def more(self) -> int:
        """How many more this process may take now, so that it has hardly more than another one."""
        mine, least = self._counts[self._number], min(self._counts)
        return max(least + 1 + least // 8 - mine, 0)

    def slack(self) -> int:
        """How many it takes at once if nobody else does."""
        return 1 + self._counts[self._number] // 8


class Acceptor:
    """Accepts connections of a socket that listens, for protocols that `connect` makes. `close` it."""

    def __init__(
        self,
        sock: socket.socket,
        connect: Callable[[], asyncio.Protocol],
        spread: Spread,
        connections: Callable[[], int],
    ):
        self._sock = sock
        self._connect = connect
        self._spread = spread
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._looks = 0
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to accept."""
        self._sock.setblocking(False)
        self.note()
        self._go_on()

    def close(self) -> None:
        """Accept no more; the socket stays as it is."""
        self._spread.leave()
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)

    def note(self) -> None:
        """Tell the others how many connections there are."""
        self._spread.note(self._connections() + len(self._tasks))

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._ready)

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(seconds, self._go_on)

    def _ready(self) -> None:
        """Connections wait, or have waited until another process was faster."""
        more = self._spread.more()
        if not more and self._looks < LOOKS:
            self._looks += 1
            self._rest(PAUSE_SECONDS)
            return
        self._looks = 0
        for _ in range(more or self._spread.slack()):
            try:
                accepted, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file is left for it
                self._rest(FULL_SECONDS)
                return
            self._begin(accepted)

    def _begin(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        task: asyncio.Task[object] = self._loop.create_task(
            self._loop.connect_accepted_socket(self._connect, accepted)
        )
        self._tasks.add(task)
        task.add_done_callback(self._done)
        self.note()

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # of a client that has gone meanwhile
        self.note()
