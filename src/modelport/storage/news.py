"""What servers on one database tell each other: the names of what their commits have changed.

On a SQLite file they are processes of one machine, which have a way of their own to each other
(`SiblingNews`). The rest is of PostgreSQL.

They tell it by NOTIFY, after the commit and beside it, so that nothing waits for that: in the commit itself
it would have all commits of the database take turns. What comes together goes together. So news are hints,
never the truth: they may get lost, and whoever waits for them looks by itself, too, each `poll_seconds`. What
can go wrong:

- *The connection that listens is lost.* It is made again, soon at first and then later; and then everything
  may have changed. In between, changes are seen by looking.
- *It is there, and nothing comes through it*: a pooler that lends connections for a transaction takes LISTEN,
  and gives what is heard to nobody. So each server hears its own news as well, and that it has not heard of
  itself tells it. It says so once, and tries again now and then.
- *The database is away.* What was to be told is lost, and found by looking.
- *More has changed than one message holds.* It says then that anything may have.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import struct
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from time import monotonic
from typing import Any
from uuid import uuid4

import msgspec

from modelport.siblings import Siblings
from modelport.storage.postgres import connected, said_of, the_driver
from modelport.storage.postgres_address import Address
from modelport.storage.postgres_servers import Servers

log = logging.getLogger("modelport.jobs")

CHANNEL = "modelport"
MOST_NAMES = 150
MOST_BYTES = 7900  # of a message; PostgreSQL takes less than 8000
GAP_SECONDS = 0.05  # between two messages: what is committed meanwhile is told together
TELL_SECONDS = 60.0  # a server that has nothing to tell says that, to hear whether it hears
QUIET_SECONDS = 2.5 * TELL_SECONDS  # after which a connection that hears nothing is of no use
FIRST_SECONDS = 15.0  # for the first message of this server's own
PAUSES = (0.5, 30.0)  # before a connection is made again: the first, and the longest
DEAF_PAUSE = 60.0  # where the connection was there, and nothing came through
END_SECONDS = 2.0  # for the last message, at the end

LOST = "what other servers change in %s is only looked for (poll_seconds) until it can be heard again: %s"
NOTHING_COMES = (
    "what other servers change in %s is only looked for (poll_seconds): what they tell by NOTIFY does not "
    "come through, as behind a pooler of transactions (pgbouncer); let --database-url lead past it"
)

Publish = Callable[[Collection[str] | None], None]


class _Said(msgspec.Struct, array_like=True):
    """A message: which server tells, and what has changed; `None` is for anything."""

    by: str
    names: list[str] | None


class _Deaf(Exception):
    """A connection through which nothing comes."""


class News:
    """Tells and hears news of one database. `tell` from any thread; `listen` once; `close` it at the end.

    `publish` is called, in a thread, with the names of what another server has changed, `None` for anything.
    """

    def __init__(self, address: Address, servers: Servers, name: str, publish: Publish):
        # A message is worth no wait for a disk.
        self._telling = replace(address, options=f"{address.options} -c synchronous_commit=off")
        self._listening = address
        self._servers = servers
        self._name = name
        self._publish = publish
        self._me = uuid4().hex
        self._names: set[str] = set()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._asked = False  # whether a message is to be sent though nothing has changed
        self._ear: _Ear | None = None
        self._untold = ""  # why the last message could not be sent
        self._said_lost = False  # which is said once, until it hears again
        self._said_deaf = False  # once
        self._threads: list[threading.Thread] = []
        self._teller: threading.Thread | None = None

    # -- telling -----------------------------------------------------------------------------------

    def tell(self, names: Collection[str]) -> None:
        """Let other servers know, soon, what has changed."""
        with self._changed:
            self._names |= set(names)
            self._begin_telling()

    def _ask(self) -> None:
        """Say something, to hear it."""
        with self._changed:
            self._asked = True
            self._begin_telling()

    def _begin_telling(self) -> None:
        if self._teller is None and not self._closed.is_set():
            self._teller = self._start(self._tell_on, "modelport news out")
        self._changed.notify()

    def _tell_on(self) -> None:
        connection: Any = None
        while (names := self._next()) is not None:
            try:
                if connection is None:
                    connection = self._connected(self._telling)
                message = _message(self._me, names)
                connection.cursor().execute("SELECT pg_notify(%s, %s)", (CHANNEL, message))
                self._untold = ""
            except Exception as error:  # whatever it was: what is not told is found by looking
                self._untold = said_of(error)
                connection = _closed(connection)
            self._closed.wait(GAP_SECONDS)
        _closed(connection)

    def _next(self) -> set[str] | None:
        """What is to be told next; `None` at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._names or self._asked or self._closed.is_set(), TELL_SECONDS)
            names, self._names = self._names, set()
            self._asked = False
            return names if names or not self._closed.is_set() else None

    # -- hearing -----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Hear what other servers tell, from now on."""
        self._start(self._listen_on, "modelport news in")

    def _listen_on(self) -> None:
        first, longest = PAUSES
        pause = first
        while not self._closed.is_set():
            try:
                self._hear()
            except _Deaf:  # which is no reason to make connections all the time
                pause = DEAF_PAUSE
                if not self._said_deaf:
                    self._said_deaf = True
                    log.warning(NOTHING_COMES, self._name)
            except Exception as error:  # whatever it was: what is missed is found by looking
                pause = min(pause * 2, longest) if self._said_lost else first
                if not self._said_lost and not self._closed.is_set():
                    self._said_lost = True
                    log.warning(LOST, self._name, said_of(error))
            self._closed.wait(pause * random.uniform(0.8, 1.2))

    def _hear(self) -> None:
        """Listen until the connection is lost, which raises. Raises `_Deaf` where nothing came through it."""
        ear = _Ear(self._connected(self._listening))
        with self._changed:
            self._ear = ear
        try:
            if self._closed.is_set():
                return
            ear.listen(FIRST_SECONDS)
            self._ask()
            try:
                said = ear.next()
            except TimeoutError:
                raise (ConnectionError(self._untold) if self._untold else _Deaf) from None
            self._on_hearing()
            ear.wait_for(QUIET_SECONDS)
            while not self._closed.is_set():
                if said.by != self._me and said.names != []:
                    self._publish(said.names)
                said = ear.next()
        finally:
            with self._changed:
                self._ear = None
            ear.close()

    def _on_hearing(self) -> None:
        if self._said_lost:
            self._said_lost = False
            log.info("what other servers change in %s is heard at once", self._name)
        self._publish(None)  # what was told before is not known

    # -- the end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Tell what is left to tell, and end."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
            if self._ear is not None:
                self._ear.wake()
        ends_at = monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(ends_at - monotonic(), 0.0))  # where a network is cut, one ends with the process

    def _connected(self, address: Address) -> Any:
        connection = connected(the_driver(), address, self._servers)
        connection.autocommit = True
        return connection

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


class SiblingNews:
    """The same among the server processes of one machine."""

    TOPIC = "changes"

    def __init__(self, siblings: Siblings, publish: Publish):
        self._siblings = siblings
        self._publish = publish

    def tell(self, names: Collection[str]) -> None:
        """Let the others know what has changed."""
        self._siblings.say(self.TOPIC, msgspec.msgpack.encode(list(names)))

    def listen(self) -> None:
        """Hear what others tell, from now on."""
        self._siblings.hear(self.TOPIC, self._heard)

    def _heard(self, body: bytes | None) -> None:
        self._publish(None if body is None else msgspec.msgpack.decode(body, type=list[str]))

    def close(self) -> None:
        """Hear nothing more."""
        self._siblings.hear_no_more(self.TOPIC)


class _Ear:
    """A connection that listens. What comes through it is read here: the driver reads only answers."""

    def __init__(self, connection: Any):
        self._connection = connection
        self._socket: Any = connection._usock
        self._read: Callable[[int], bytes] = connection._sock.read

    def listen(self, seconds: float) -> None:
        """Begin to, and wait `seconds` for what comes next."""
        self._connection.cursor().execute(f"LISTEN {CHANNEL}")
        self.wait_for(seconds)

    def wait_for(self, seconds: float) -> None:
        """Wait no longer than this for what comes next."""
        self._socket.settimeout(seconds)

    def next(self) -> _Said:
        """The next message of a server. Raises `OSError`, as `TimeoutError` if nothing comes."""
        while True:
            code, length = struct.unpack("!ci", self._all_of(5))
            data = self._all_of(length - 4)
            if code == b"E":
                raise ConnectionResetError("PostgreSQL has closed the connection")
            if code == b"A":
                _, text, _ = data[4:].split(b"\0", 2)
                with contextlib.suppress(msgspec.MsgspecError):  # whoever else tells something there
                    return msgspec.json.decode(text, type=_Said)

    def _all_of(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise ConnectionResetError("the connection has ended")
        return data

    def wake(self) -> None:
        """End what waits for a message, in another thread."""
        with contextlib.suppress(OSError):  # it has ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        _closed(self._connection)


def _closed(connection: Any) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):  # one that was lost cannot say goodbye
            connection.close()


def _message(by: str, names: Collection[str]) -> str:
    if len(names) <= MOST_NAMES:
        message = msgspec.json.encode(_Said(by, sorted(names)))
        if len(message) <= MOST_BYTES:
            return message.decode()
    return msgspec.json.encode(_Said(by, None)).decode()
