"""The one thread that writes to the database, and puts all that waits into one commit.

What must hold: whoever was told that something is written finds it after a power cut; whoever was told that
it cannot be can ask again without doing it twice; and the event loop never waits for a disk. What stands in
the way, and what is done about it:

- *A commit that is synced costs milliseconds*, whatever it holds. While one is under way, work gathers, and
  the next commit takes all of it: a thousand submissions need a dozen syncs. Nobody is told before the
  sync.
- *One piece of work fails*, for a value that does not fit or a mistake of ours. Each stands in a savepoint,
  so that it harms none of those that share the commit. Work that is alone needs no savepoint.
- *One failure ends the whole transaction*: SQLite rolls back by itself when the disk is full, and a
  connection to PostgreSQL is dropped when a value could not be sent. Then no savepoint is left, nothing of
  the group has happened, and each piece is tried alone: the one that did it fails, the others are written.
- *The commit itself fails.* If the database said so, nothing has happened, and each piece is tried alone.
  If the connection broke while the answer was awaited, nobody knows: it is not tried again, since that
  could write it twice. The caller gets `StoreUnavailable`, and may say it again: an idempotency key, or the
  token of an attempt, makes that harmless.
- *PostgreSQL was restarted since the last use.* A connection that is lost before the commit has done
  nothing: the group is begun once more on a new one.
- *Two servers wait for each other's rows.* PostgreSQL ends one of them, whose work is then repeated. So a
  piece of work may be called several times, and must have no effect but on the connection.
- *A sync fails.* The kernel may have dropped what it could not write, and the next sync would succeed
  without it. So nothing is written any more until a restart reads what the disk really holds.
- *The server stops.* `refuse` is called in the event loop, where `do` is, so nothing slips in behind the
  last piece; `stop` does what waits.
- *An event loop is closed while its work waits.* The work is done, and nobody is told.

Why one thread: SQLite has one writer at a time, and a second one would meet locks where this one meets a
queue. It begins as a writer (`BEGIN IMMEDIATE`), since a reader that turns into one is refused at once if
another was faster. On PostgreSQL several servers write at once, and each of them is one such thread:
sharing syncs gains more than more connections would, and within a server changes happen in the order in
which they were asked for. Results go back in one call for each event loop, not one for each result: waking
a loop costs more than they do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from modelport.histogram import Histogram
from modelport.storage import failpoints
from modelport.storage.errors import StoreError, StoreUnavailable
from modelport.storage.postgres import worth_repeating
from modelport.storage.sqlite import fsync_failed, meaning

T = TypeVar("T")
MAX_GROUP = 256  # pieces of work in one commit
MAX_REPEATS = 3
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


@dataclass
class Transaction:
    """What a piece of work gets: the connection, the time, and where it says what it changed, by its name.

    `lease_now` is the time that leases are measured by; it does not jump when somebody sets the clock.
    """

    connection: Connection
    now: float
    lease_now: float
    touched: set[str] = field(default_factory=set[str])

    @property
    def postgres(self) -> bool:
        """True on PostgreSQL, false on SQLite."""
        return self.connection.dialect.name == "postgresql"


@dataclass
class _Work:
    do: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    repeats: int = 0
    result: Any = None
    error: Exception | None = None
    touched: set[str] = field(default_factory=set[str])


class Writer:
    """Does work given by any event loop. `start` it, `stop` it; `name` says which database, in errors."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        begin: Callable[[Connection], Transaction],
        committed: Callable[[set[str]], None],
    ):
        self.engine = engine
        self.name = name
        self._begin = begin
        self._committed = committed
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="modelport jobs writer", daemon=True)
        self.commits = Histogram(COMMIT_SECONDS)  # what they took, each with the work in it
        self.committed = 0  # pieces of work
        self.failed = 0  # others, which the database could not do
        self._closed = False
        self._broken: StoreUnavailable | None = None

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the next commit."""
        return self._queue.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def refuse(self) -> None:
        """Take no more work. Called where `do` is called, so that nothing can slip in behind the last."""
        self._closed = True

    def stop(self) -> None:
        """Do what waits, then end the thread. Blocks until then; call `refuse` first."""
        self._queue.put(None)
        self._thread.join()

    async def do(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a transaction; returns after its commit is synced. Raises `StoreError`s.

        It may be called again, after a rollback, so it must have no effect but on the connection.
        """
        if self._closed:
            raise StoreUnavailable("the store of jobs is closed: the server is stopping")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Work(work, future, loop))
        return await future

    # -- the thread --------------------------------------------------------------------------------

    def _main(self) -> None:
        going = True
        while going:
            group = [self._queue.get()]
            try:
                while len(group) < MAX_GROUP:
                    group.append(self._queue.get_nowait())
            except Empty:
                pass
            going = None not in group
            self._finish([work for work in group if work is not None])

    def _finish(self, group: list[_Work]) -> None:
        """Do all of `group`, in one commit if that works, else one by one."""
        again = group if not self._commit(group) else [work for work in group if self._repeats(work)]
        self._tell([work for work in group if work not in again])
        for work in again:
            self._alone(work)
            self._tell([work])

    def _alone(self, work: _Work) -> None:
        while True:
            work.result = work.error = None
            self._commit([work])
            if not self._repeats(work):
                return

    def _repeats(self, work: _Work) -> bool:
        if work.error is None or not worth_repeating(work.error) or work.repeats >= MAX_REPEATS:
            return False
        work.repeats += 1
        return True

    def _commit(self, group: list[_Work]) -> bool:
        """Do `group` in one transaction, each with its result or error. False: try each of them alone."""
        if not group:
            return True
        if self._broken is not None:
            return self._failed(group, self._broken)
        begun = perf_counter()
        for fresh in (False, True):
            connected = committing = False
            try:
                with self.engine.connect() as connection, connection.begin() as transaction:
                    connected = True
                    done = self._do(group, connection)
                    if not done:
                        transaction.rollback()
                        return False
                    committing = True
                    failpoints.reach("commit.before")
            except Exception as error:  # the border to the thread: each caller gets it
                lost = isinstance(error, DBAPIError) and error.connection_invalidated
                if lost and connected and not committing and not fresh:
                    continue  # the server was restarted since the last use; nothing was done
                if fsync_failed(error):
                    self._broken = StoreUnavailable(
                        f"the disk under {self.name} could not sync, so nothing more is written to it: "
                        "see the system's log (dmesg), then restart modelport"
                    )
                elif committing and len(group) > 1 and not lost:
                    return False
                return self._failed(group, error)
            break
        self.commits.observe(perf_counter() - begun)
        failpoints.reach("commit.after")
        return True

    def _do(self, group: list[_Work], connection: Connection) -> bool:
        """Do each piece of work in its savepoint. False if one of them ended the whole transaction."""
        transaction = self._begin(connection)
        single = len(group) == 1
        for work in group:
            transaction.touched = work.touched = set()
            if not single:
                connection.exec_driver_sql("SAVEPOINT work")
            try:
                work.result, work.error = work.do(transaction), None
            except Exception as error:  # its caller gets it; those who share the commit go on
                lost = isinstance(error, DBAPIError) and error.connection_invalidated
                if single or lost:
                    raise
                work.error = error
                if _transaction_gone(connection):
                    return False
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT work")
            if not single:
                connection.exec_driver_sql("RELEASE SAVEPOINT work")
        return True

    def _failed(self, group: list[_Work], error: Exception) -> bool:
        for work in group:
            work.error = error
        return True

    def _tell(self, group: list[_Work]) -> None:
        """Hand results to their callers, those of one event loop at once."""
        touched: set[str] = set()
        loops: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
        for work in group:
            if work.error is None:
                touched |= work.touched
                self.committed += 1
            elif not (isinstance(work.error, StoreError) and work.error.status < 500):  # else it was refused
                self.failed += 1
            loops.setdefault(work.loop, []).append(work)
        if touched:
            self._committed(touched)
        for loop, done in loops.items():
            try:
                loop.call_soon_threadsafe(self._resolve, done)
            except RuntimeError:
                pass  # the event loop was closed: nobody waits any longer

    def _resolve(self, group: list[_Work]) -> None:
        for work in group:
            if work.future.done():
                continue
            if work.error is None:
                work.future.set_result(work.result)
            else:
                work.future.set_exception(self._meaning(work.error))

    def _meaning(self, error: Exception) -> Exception:
        if isinstance(error, StoreError):
            return error
        said = meaning(error, self.name)
        if said is None:
            return error
        said.__cause__ = error
        return said


def _transaction_gone(connection: Connection) -> bool:
    """True if no savepoint is left to go back to: SQLite rolls back by itself when the disk is full, and a
    connection to PostgreSQL is dropped when a value could not be sent."""
    if connection.dialect.name != "sqlite":
        return connection.invalidated
    raw: Any = connection.connection.dbapi_connection
    return not raw.in_transaction
