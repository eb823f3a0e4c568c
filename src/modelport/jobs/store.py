"""The store of durable jobs, on a SQLite file or a PostgreSQL.

One thread writes (`writer`), a few threads read; nothing blocks the event loop. Whatever a method of this
class has changed is committed and synced when it returns. Every method raises `StoreUnavailable` or
`StoreFull` when the database cannot do it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, text

from modelport.home import expanded
from modelport.jobs import claims, deliveries, queries, retention, transitions
from modelport.jobs.changes import Changes
from modelport.jobs.database import BUSY_SECONDS, READERS, meaning, sqlite_engine
from modelport.jobs.errors import (
    IdempotencyConflict,
    QueueFull,
    RetryRefused,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from modelport.jobs.migrate import migrate
from modelport.jobs.opening import prepare
from modelport.jobs.postgres import postgres_engine
from modelport.jobs.postgres_address import address_of, is_postgres
from modelport.jobs.records import (
    KINDS,
    Claim,
    Delivery,
    Event,
    Heartbeat,
    Job,
    Metric,
    NewEvent,
    NewJob,
    News,
    Outcome,
    Page,
    QueueLimits,
)
from modelport.jobs.schema import jobs
from modelport.jobs.states import State
from modelport.jobs.writer import Transaction, WhenTrained, Writer

__all__ = [
    "IdempotencyConflict",
    "JobStore",
    "QueueFull",
    "RetryRefused",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnavailable",
]

T = TypeVar("T")
NO_LIMITS = QueueLimits()
Clock = Callable[[], float]


def token_matches(token: int) -> ColumnElement[bool]:
    """The fence: a write of an attempt counts only while no later attempt was claimed."""
    return jobs.c.token == token


class JobStore:
    """Jobs that outlive the server. Make one with `JobStore.open`; `close` it at the end."""

    fence = staticmethod(token_matches)

    def __init__(
        self,
        engine: Engine,
        readers: Engine,
        name: str,
        clock: Clock | None,
        when_trained: WhenTrained | None = None,
    ):
        self.name = name
        self._when_trained = when_trained
        self._engine = engine
        self._readers = readers
        self._clock = clock
        self._steady = time.time() - time.monotonic()
        self._changes = Changes()
        self.writer = Writer(engine, name, self._begin, self._changes.publish)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="modelport jobs reader")
        self._closed = False

    # -- life --------------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls, where: str | Path, *, clock: Clock | None = None, when_trained: WhenTrained | None = None
    ) -> JobStore:
        """Open the database at a path or a URL of PostgreSQL, and bring its tables to this version.

        Raises `StoreUnavailable` (`StoreDamaged`, `StoreTooNew`, `StoreReadOnly`) or `StoreFull`, with what
        to do about it. `clock` is for tests: without it PostgreSQL's own clock counts, so that servers whose
        clocks differ agree about leases. `when_trained` is told of each training that succeeds, inside the
        transaction that ends it.
        """
        store = await asyncio.to_thread(cls._open, str(where), clock, when_trained)
        store.writer.start()
        return store

    @classmethod
    def _open(cls, where: str, clock: Clock | None, when_trained: WhenTrained | None) -> JobStore:
        name = where
        engines: list[Engine] = []
        try:
            if is_postgres(where):
                address = address_of(where)
                name = address.name
                # One connection more than readers need: the writer's.
                engines.append(postgres_engine(address, READERS + 1, BUSY_SECONDS))
                migrate(engines[0], name)
            else:
                path = expanded(where)
                name = str(path)
                prepare(path)
                engines += [sqlite_engine(name), sqlite_engine(name, read_only=True)]
            return cls(engines[0], engines[-1], name, clock, when_trained)
        except Exception as error:
            for engine in engines:
                engine.dispose()
            said = meaning(error, name)
            if said is None:
                raise
            raise said from error

    @property
    def is_shared(self) -> bool:
        """True on PostgreSQL, where other servers may take jobs; a SQLite file has one server."""
        return self._engine.dialect.name == "postgresql"

    async def close(self) -> None:
        """Write what waits and let go of the database. Later calls raise `StoreUnavailable`."""
        if self._closed:
            return
        self._closed = True
        self.writer.refuse()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.writer.stop()
        self._threads.shutdown(wait=True)
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
        return Transaction(connection, now, lease_now, self.fence, self._when_trained)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` on other tables of the database; it is committed and synced when this returns.

        It may be called again, after a rollback, so it must have no effect but on the connection.
        """
        return await self.writer.do(work)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Have other tables of the database read, in a thread."""
        return await self._read(query)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store of jobs is closed: the server is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_now, query)

    def _read_now(self, query: Callable[[Connection], T]) -> T:
        for fresh in (False, True):
            try:
                with self._readers.connect() as connection:
                    return query(connection)
            except Exception as error:  # the border to the thread: say what it means
                if getattr(error, "connection_invalidated", False) and not fresh:
                    continue  # PostgreSQL was restarted since the last use
                said = meaning(error, self.name)
                if said is None:
                    raise
                raise said from error
        raise AssertionError("unreachable")

    # -- asking for jobs ---------------------------------------------------------------------------

    async def submit(self, new: NewJob, limits: QueueLimits = NO_LIMITS) -> tuple[Job, bool]:
        """Store a job: returned with True. The same request again (by its key) gets the first job and False.

        Raises `IdempotencyConflict` if the key came with another request before, `QueueFull` if as many jobs
        wait as `limits` let.
        """
        if new.kind not in KINDS:
            raise ValueError(f"kind {new.kind!r} is none of {', '.join(KINDS)}")
        return await self.writer.do(lambda tx: transitions.submit(tx, new, limits))

    async def check_room(self, model: str, limits: QueueLimits) -> None:
        """Raise `QueueFull` if no further job may wait now."""
        await self._read(lambda connection: queries.check_room(connection, model, limits))

    async def request_cancel(self, job_id: str) -> Job | None:
        """Cancel a job that waits, ask a running one to stop, leave one that has ended. `None`: unknown."""
        return await self.writer.do(lambda tx: transitions.request_cancel(tx, job_id))

    async def retry(self, job_id: str) -> Job | None:
        """Queue an interrupted job again. `None`: no such job. Raises `RetryRefused` in any other state."""
        return await self.writer.do(lambda tx: transitions.retry(tx, job_id))

    # -- running them ------------------------------------------------------------------------------

    async def claim(
        self, owner: str, limit: int, lease_seconds: float, models: Sequence[str] | None = None
    ) -> list[Claim]:
        """Take up to `limit` waiting jobs (of `models`), for as long as heartbeats renew the lease."""
        return await self.writer.do(lambda tx: claims.claim(tx, owner, limit, lease_seconds, models))

    async def heartbeat(self, owner: str, tokens: dict[str, int], lease_seconds: float) -> Heartbeat:
        """Renew leases (job id: token). What is not `alive` in the answer belongs to somebody else now."""
        held = dict(tokens)
        return await self.writer.do(lambda tx: claims.heartbeat(tx, owner, held, lease_seconds))

    async def append(
        self, job_id: str, token: int, events: list[NewEvent], after: int | None = None
    ) -> int | None:
        """Write what an attempt reports; returns the last sequence number, or `None` if it is stale.

        With `after`, the last number that the attempt was told, saying it twice is harmless.
        """
        new = list(events)
        return await self.writer.do(lambda tx: transitions.append(tx, job_id, token, new, after))

    async def finish(self, job_id: str, token: int, outcome: Outcome) -> Job | None:
        """End an attempt. `None` if it is stale: then nothing was written. Saying it twice is harmless.

        A job that was interrupted is queued again while it has attempts left, or cancelled if that was asked.
        """
        return await self.writer.do(lambda tx: transitions.finish(tx, job_id, token, outcome))

    async def unclaim(self, job_id: str, token: int) -> Job | None:
        """Give back a claim whose code has not begun: the job waits as before. `None` if it is stale."""
        return await self.writer.do(lambda tx: transitions.unclaim(tx, job_id, token))

    async def stop(self, job_id: str, token: int, outcome: Outcome) -> Job | None:
        """End an attempt because this server stops; `None` if it is stale. It uses up no attempt.

        A job that may be tried several times is queued again, any other one rests as `interrupted`.
        """
        return await self.writer.do(lambda tx: transitions.stop(tx, job_id, token, outcome))

    async def rescue(self, lost_owners: set[str] | None = None, *, grace: float = 0.0) -> list[Job]:
        """Interrupt jobs of servers that are gone (named, or lease over for `grace` seconds), and queue them
        again while they have attempts left. Returns them as they are now.

        Webhooks that the servers named had begun to send are due again.
        """
        lost = set(lost_owners or ())
        return await self.writer.do(lambda tx: transitions.rescue(tx, lost, grace))

    # -- reading -----------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job | None:
        """A job with its call and its result; `None` if there is none."""
        return await self._read(lambda connection: queries.get(connection, job_id))

    async def list(
        self,
        model: str | None = None,
        kind: str | None = None,
        state: State | None = None,
        limit: int = 50,
        cursor: int | None = None,
        *,
        with_call: bool = False,
    ) -> Page:
        """Jobs, newest first. Their calls and results are left out (empty) unless `with_call`."""
        fits = queries.Filter(model, kind, state)
        return await self._read(lambda one: queries.page(one, fits, limit, cursor, with_call=with_call))

    async def events(
        self,
        job_id: str,
        after: int = 0,
        limit: int = 1000,
        types: Collection[str] | None = None,
        most_bytes: int | None = None,
    ) -> Sequence[Event]:
        """Events of a job after the sequence number `after`, in order, of all or some types.

        No further ones are read once they take `most_bytes` of memory.
        """
        return await self._read(
            lambda connection: queries.read_events(connection, job_id, after, limit, types, most_bytes)
        )

    async def news(
        self, job_id: str, after: int | None, limit: int = 1000, most_bytes: int | None = None
    ) -> News | None:
        """Where a job stands and its events after `after`, or after its last one; `None` if there is none."""
        return await self._read(lambda connection: queries.news(connection, job_id, after, limit, most_bytes))

    async def metrics(
        self, job_id: str, render: Callable[[list[Metric], int | None], T], *, after: int = 0, limit: int
    ) -> T:
        """What `render` makes, in a thread, of up to `limit` metrics of a job, as they came.

        They begin behind the event `after`. `render` is given the number of the last one, too, if there are
        more, else `None`.
        """
        return await self._read(lambda connection: render(*queries.metrics(connection, job_id, after, limit)))

    async def states(self, job_ids: Collection[str]) -> dict[str, State]:
        """The state of each of these jobs that there is."""
        return await self._read(lambda connection: queries.states(connection, job_ids))

    async def counts(self) -> dict[State, int]:
        """How many jobs stand in each state."""
        return await self._read(queries.counts)

    def subscribe(self, job_id: str | None = None) -> AbstractAsyncContextManager[asyncio.Event]:
        """`async with store.subscribe(id) as changed`: an event that is set after each commit of this store
        that changed the job (any job without an id). Clear it before reading."""
        return self._changes.subscribe(job_id)

    # -- webhooks and retention --------------------------------------------------------------------

    async def due_deliveries(
        self, limit: int, owner: str, lease_seconds: float, not_to: Collection[str] = ()
    ) -> Sequence[Delivery]:
        """Take webhooks that are due; they come again after the lease unless one of the next two is called.

        `not_to` are targets to leave out, as URLs in lower case that end before the path.
        """
        left_out = frozenset(not_to)
        return await self.writer.do(lambda tx: deliveries.due(tx, limit, owner, lease_seconds, left_out))

    async def delivery_owners(self) -> set[str]:
        """The servers that have taken webhooks and not said yet what became of them."""
        return await self._read(deliveries.owners)

    async def delivered(self, delivery_id: str) -> None:
        """A webhook was accepted."""
        await self.writer.do(lambda tx: deliveries.delivered(tx, delivery_id))

    async def delivery_failed(self, delivery_id: str, error: str, next_at: float | None) -> None:
        """A webhook was not accepted: it is due again at `next_at` (seconds since the epoch), or never."""
        await self.writer.do(lambda tx: deliveries.failed(tx, delivery_id, error, next_at))

    async def count(self, model: str, kind: str, state: State, at_most: int) -> int:
        """How many jobs of a model stand in a state; what is beyond `at_most` is not counted."""
        fits = queries.Filter(model=model, kind=kind, state=state)
        return await self._read(lambda connection: queries.count(connection, fits, at_most))

    async def prune(self, before: float) -> Sequence[str]:
        """Remove jobs that ended before `before`, with their events; returns their ids."""
        removed: set[str] = set()
        while True:
            some = await self.writer.do(lambda tx: retention.prune(tx, before))
            if not some:
                return sorted(removed)
            removed.update(some)
