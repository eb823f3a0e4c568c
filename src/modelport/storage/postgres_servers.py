"""Which of the servers of a PostgreSQL is asked first, and when none is asked, for all threads of a process.

What can go wrong, and what answers it:

- *A machine is gone without a word* (its power, a network that is cut): each try to connect takes as long as
  it may. So the server that took writes last is asked first; and when a connection to it was lost, the next
  one is, which may have been promoted.
- *All are gone*: everybody who needs the database would wait in turn for as long, requests behind requests.
  So once a try has failed after a long wait, a thread goes on trying, and everybody else gets the error at
  once, until there is one that answers.
- *A server refuses at once* (it is being started, it is a standby): that costs nothing, and is tried by
  everybody, so that it is found as soon as it is there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

Server = tuple[str, int]
Connect = Callable[[Server], Any]

LONG_SECONDS = 0.5  # a try that takes longer, and fails, is not left to who needs the database
PAUSE_SECONDS = 0.5  # between two tries of the thread


class Servers:
    """The servers of one address; `failure` is what the driver raises. `close` it at the end."""

    def __init__(self, servers: tuple[Server, ...], failure: type[Exception]):
        self._servers = servers
        self._failure = failure
        self._first = 0
        self._lock = threading.Lock()
        self._away: Exception | None = None  # what the last try has met, while a thread tries
        self._closed = threading.Event()

    def connect(self, connect: Connect) -> Any:
        """A connection to the first server that has one for us; else raises what the last one said."""
        away = self._away
        if away is not None:
            raise self._failure(*away.args)
        began = monotonic()
        try:
            return self._connected(connect)
        except self._failure as error:
            if monotonic() - began > LONG_SECONDS:
                self._begin_to_look(connect, error)
            raise

    def lost(self) -> None:
        """A connection has ended that nobody here has closed: begin with the next server."""
        self._first = (self._first + 1) % len(self._servers)

    def close(self) -> None:
        """Look for none any longer."""
        self._closed.set()

    def _connected(self, connect: Connect) -> Any:
        first = self._first
        turn = [(first + step) % len(self._servers) for step in range(len(self._servers))]
        for number in turn:
            try:
                connection = connect(self._servers[number])
            except self._failure:
                if number == turn[-1]:
                    raise
            else:
                self._first = number
                return connection
        raise AssertionError("an address has a server")

    def _begin_to_look(self, connect: Connect, error: Exception) -> None:
        with self._lock:
            if self._away is None and not self._closed.is_set():
                self._away = error
                look = threading.Thread(
                    target=self._look, args=(connect,), name="modelport database away", daemon=True
                )
                look.start()

    def _look(self, connect: Connect) -> None:
        while not self._closed.wait(PAUSE_SECONDS):
            began = monotonic()
            try:
                connection = self._connected(connect)
            except self._failure as error:
                if monotonic() - began > LONG_SECONDS:
                    self._away = error
                    continue
            else:
                with contextlib.suppress(self._failure):
                    connection.close()
            break
        self._away = None
