"""The database of a server: a SQLite file, or a PostgreSQL that servers share.

Server processes of one machine share a SQLite file, too: in its WAL mode each may read, and one writes while
the others wait (`BEGIN IMMEDIATE`).

One thread writes (`writer`), a few threads read; nothing blocks the event loop. What `write` has changed is
committed and synced when it returns. Jobs and runs stand on it, each with tables of its own in `schema`.
What servers tell each other of it is in `news`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from modelport.home import expanded
from modelport.siblings import Siblings
from modelport.storage.changes import Changes
from modelport.storage.errors import StoreUnavailable
from modelport.storage.migrate import migrate
from modelport.storage.news import News, SiblingNews
from modelport.storage.opening import prepare
from modelport.storage.postgres import postgres_engine, servers_of
from modelport.storage.postgres_address import Address, address_of, is_postgres
from modelport.storage.postgres_servers import Servers
from modelport.storage.sqlite import BUSY_SECONDS, READERS, meaning, sqlite_engine
from modelport.storage.writer import Transaction, Writer

T = TypeVar("T")
Clock = Callable[[], float]
POLL_SECONDS = 1.0


class Database:
    """What outlives the server. Make one with `Database.open`; `close` it at the end.

    `name` says which database it is, in errors; it holds no password. `changes` tells what was committed, and
    each `poll_seconds` it is to be looked whether other servers have changed something: news may get lost.
    """

    poll_seconds = POLL_SECONDS

    def __init__(self, engine: Engine, readers: Engine, name: str, clock: Clock | None = None):
        self.name = name
        self._engine = engine
        self._readers = readers
        self._clock = clock
        self._steady = time.time() - time.monotonic()
        self.changes = Changes()
        self._news: News | SiblingNews | None = None  # of a database that servers share
        self._servers: Servers | None = None  # of PostgreSQL
        self.writer = Writer(engine, name, self._begin, self._tell)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="modelport jobs reader")
        self._closed = False

    @classmethod
    async def open(
        cls, where: str | Path, clock: Clock | None = None, siblings: Siblings | None = None
    ) -> Database:
        """Open the database at a path or a URL of PostgreSQL, and bring its tables to this version.

        Raises `StoreUnavailable` (`StoreDamaged`, `StoreTooNew`, `StoreReadOnly`) or `StoreFull`, with what
        to do about it. `clock` is for tests: without it PostgreSQL's own clock counts, so that servers whose
        clocks differ agree about leases. `siblings` are the server processes that share a file.
        """
        database = await asyncio.to_thread(cls._open, str(where), clock)
        if siblings is not None and database._news is None:
            database._news = SiblingNews(siblings, database.changes.publish_elsewhere)
            database._steady = siblings.place.steady
        database.writer.start()
        return database

    @classmethod
    def read_only(cls, path: Path) -> Database:
        """The file at a path as it is, which a server may use meanwhile: nothing in it is changed."""
        engine = sqlite_engine(str(path), read_only=True)
        database = cls(engine, engine, str(path))
        database.writer.start()
        return database

    @classmethod
    def _open(cls, where: str, clock: Clock | None) -> Database:
        name = where
        engines: list[Engine] = []
        address: Address | None = None
        servers: Servers | None = None
        try:
            if is_postgres(where):
                address = address_of(where)
                name = address.name
                servers = servers_of(address)
                # One connection more than readers need: the writer's.
                engines.append(postgres_engine(address, READERS + 1, BUSY_SECONDS, servers))
                migrate(engines[0], name)
            else:
                path = expanded(where)
                name = str(path)
                prepare(path)
                engines += [sqlite_engine(name), sqlite_engine(name, read_only=True)]
            database = cls(engines[0], engines[-1], name, clock)
            if address is not None and servers is not None:
                database._servers = servers
                database._news = News(address, servers, name, database.changes.publish_elsewhere)
            return database
        except Exception as error:
            if servers is not None:
                servers.close()
            for engine in engines:
                engine.dispose()
            said = meaning(error, name)
            if said is None:
                raise
            raise said from error

    @property
    def is_shared(self) -> bool:
        """True on PostgreSQL, which other servers may use; a SQLite file has one server, or its processes."""
        return self._news is not None

    def follow(self) -> None:
        """Hear what other servers on the same database commit, until this is closed."""
        if self._news is not None:
            self._news.listen()

    def _tell(self, names: set[str]) -> None:
        self.changes.publish(names)
        if self._news is not None:
            self._news.tell(names)

    async def close(self) -> None:
        """Write what waits and let go of the database. Later calls raise `StoreUnavailable`."""
        if self._closed:
            return
        self._closed = True
        self.writer.refuse()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.writer.stop()
        if self._news is not None:
            self._news.close()
        self._threads.shutdown(wait=True)
        if self._servers is not None:
            self._servers.close()
        self._readers.dispose()
        self._engine.dispose()  # last: the connection that writes tidies up after SQLite

    def _begin(self, connection: Connection) -> Transaction:
        if self._clock is not None:
            now = lease_now = self._clock()
        elif connection.dialect.name == "postgresql":
            seconds = text("SELECT extract(epoch FROM clock_timestamp())::float8")
            now = lease_now = connection.execute(seconds).scalar_one()
        else:
            now, lease_now = time.time(), self._steady + time.monotonic()
        return Transaction(connection, now, lease_now)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a transaction; it is committed and synced when this returns. Raises `StoreError`s.

        It may be called again, after a rollback, so it must have no effect but on the connection.
        """
        return await self.writer.do(work)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What `query` reads, in a thread. Raises `StoreError`s."""
        if self._closed:
            raise StoreUnavailable("the store of jobs is closed: the server is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_now, query)

    def _read_now(self, query: Callable[[Connection], T]) -> T:
        for fresh in (False, True):
            connected = False
            try:
                with self._readers.connect() as connection:
                    connected = True
                    return query(connection)
            except Exception as error:  # the border to the thread: say what it means
                if getattr(error, "connection_invalidated", False) and connected and not fresh:
                    continue  # PostgreSQL was restarted since the last use
                said = meaning(error, self.name)
                if said is None:
                    raise
                raise said from error
        raise AssertionError("unreachable")
