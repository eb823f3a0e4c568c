"""The store of durable jobs, in the database of the server.

Whatever a method of this class has changed is committed and synced when it returns. Every method raises
`StoreUnavailable` or `StoreFull` when the database cannot do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from modelport.jobs import claims, deliveries, endings, queries, retention, transitions
from modelport.jobs.claims import Choose, all_of_them
from modelport.jobs.endings import Ending
from modelport.jobs.gathering import Gathering
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
from modelport.jobs.states import State
from modelport.jobs.tally import JobTally
from modelport.jobs.transitions import WhenTrained
from modelport.storage.database import Clock, Database
from modelport.storage.errors import StoreFull

T = TypeVar("T")
NO_LIMITS = QueueLimits()
ENDINGS = 256  # that are written together, at most


class JobStore:
    """Jobs that outlive the server. Make one with `JobStore.open`; `close` it at the end.

    `when_trained` is told of each training that succeeds, inside the transaction that ends it.
    """

    def __init__(self, database: Database, when_trained: WhenTrained | None = None):
        self.database = database
        self.tally = JobTally()
        self._when_trained = when_trained
        self._endings = Gathering(self._finish_together, ENDINGS)

    @classmethod
    async def open(
        cls, where: str | Path, *, clock: Clock | None = None, when_trained: WhenTrained | None = None
    ) -> JobStore:
        """The jobs in the database at a path or a URL of PostgreSQL, as `Database.open` opens it."""
        return cls(await Database.open(where, clock), when_trained)

    async def close(self) -> None:
        """Write what waits and let go of the database. Later calls raise `StoreUnavailable`."""
        await self.database.close()

    # -- asking for jobs ---------------------------------------------------------------------------

    async def submit(self, new: NewJob, limits: QueueLimits = NO_LIMITS) -> tuple[Job, bool]:
        """Store a job: returned with True. The same request again (by its key) gets the first job and False.

        Raises `IdempotencyConflict` if the key came with another request before, `QueueFull` if as many jobs
        wait as `limits` let.
        """
        if new.kind not in KINDS:
            raise ValueError(f"kind {new.kind!r} is none of {', '.join(KINDS)}")
        return await self.database.write(lambda tx: transitions.submit(tx, new, limits))

    async def check_room(self, model: str, by: str, limits: QueueLimits) -> None:
        """Raise `QueueFull` if no further job of who asks by this id may wait now."""
        await self.database.read(lambda connection: queries.check_room(connection, model, by, limits))

    async def waiting_of(self, by: str, at_most: int) -> int:
        """How many jobs of who asks by this id wait; what is beyond `at_most` is not counted."""
        return await self.database.read(lambda connection: queries.waiting_of(connection, by, at_most))

    async def request_cancel(self, job_id: str) -> Job | None:
        """Cancel a job that waits, ask a running one to stop, leave one that has ended. `None`: unknown."""
        return await self.database.write(lambda tx: transitions.request_cancel(tx, job_id))

    async def retry(self, job_id: str) -> Job | None:
        """Queue an interrupted job again. `None`: no such job. Raises `RetryRefused` in any other state."""
        return await self.database.write(lambda tx: transitions.retry(tx, job_id))

    # -- running them ------------------------------------------------------------------------------

    async def claim(
        self,
        owner: str,
        limit: int,
        lease_seconds: float,
        models: Sequence[str] | None = None,
        choose: Choose = all_of_them,
    ) -> list[Claim]:
        """Take up to `limit` waiting jobs (of `models`), for as long as heartbeats renew the lease.

        `choose` picks among them: it gets them in the order in which they are to be run.
        """
        return await self.database.write(
            lambda tx: claims.claim(tx, owner, limit, lease_seconds, models, choose)
        )

    async def heartbeat(self, owner: str, tokens: dict[str, int], lease_seconds: float) -> Heartbeat:
        """Renew leases (job id: token). What is not `alive` in the answer belongs to somebody else now."""
        held = dict(tokens)
        return await self.database.write(lambda tx: claims.heartbeat(tx, owner, held, lease_seconds))

    async def append(
        self, job_id: str, token: int, events: list[NewEvent], after: int | None = None
    ) -> int | None:
        """Write what an attempt reports; returns the last sequence number, or `None` if it is stale.

        With `after`, the last number that the attempt was told, saying it twice is harmless.
        """
        new = list(events)
        return await self.database.write(lambda tx: transitions.append(tx, job_id, token, new, after))

    async def finish(
        self, job_id: str, token: int, outcome: Outcome, *, is_prediction: bool = False
    ) -> Job | None:
        """End an attempt. `None` if it is stale: then nothing was written. Saying it twice is harmless.

        Those of predictions, if that is said, are written together where several come at once.
        A job that was interrupted is queued again while it has attempts left, or cancelled if that was asked.
        """
        ending = Ending(job_id, token, outcome)
        if is_prediction and endings.is_plain(ending):
            ended = await self._endings.do(ending)
            if ended is not None:
                return ended
        return await self.database.write(
            lambda tx: transitions.finish(tx, job_id, token, outcome, self._when_trained)
        )

    async def _finish_together(self, together: Sequence[Ending]) -> Sequence[Job | None]:
        """End the plain ones among these attempts, in a few statements; the others are to be tried alone."""
        try:
            ended = await self.database.write(lambda tx: endings.finish_plain(tx, together))
        except (StoreFull, SQLAlchemyError, ValueError, OverflowError):  # each alone may fit
            return [None] * len(together)
        return [ended.get(ending.job_id) for ending in together]

    async def name_files(self, job_id: str, token: int, files: str) -> bool:
        """Say which list of shared files a job has while an attempt runs; false if that is stale."""
        return await self.database.write(lambda tx: transitions.name_running(tx, job_id, token, files))

    async def unclaim(self, job_id: str, token: int) -> Job | None:
        """Give back a claim whose code has not begun: the job waits as before. `None` if it is stale."""
        return await self.database.write(lambda tx: transitions.unclaim(tx, job_id, token))

    async def stop(self, job_id: str, token: int, outcome: Outcome) -> Job | None:
        """End an attempt because this server stops; `None` if it is stale. It uses up no attempt.

        A job that may be tried several times is queued again, any other one rests as `interrupted`.
        """
        return await self.database.write(lambda tx: transitions.stop(tx, job_id, token, outcome))

    async def rescue(self, lost_owners: set[str] | None = None, *, grace: float = 0.0) -> list[Job]:
        """Interrupt jobs of servers that are gone (named, or lease over for `grace` seconds), and queue them
        again while they have attempts left. Returns them as they are now.

        Webhooks that the servers named had begun to send are due again.
        """
        lost = set(lost_owners or ())
        return await self.database.write(lambda tx: transitions.rescue(tx, lost, grace))

    # -- reading -----------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job | None:
        """A job with its call and its result; `None` if there is none."""
        return await self.database.read(lambda connection: queries.get(connection, job_id))

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
        return await self.database.read(
            lambda one: queries.page(one, fits, limit, cursor, with_call=with_call)
        )

    async def page(self, fits: queries.Filter, limit: int, cursor: int | None, most_bytes: int) -> Page:
        """Jobs without calls and results, newest first: as many as hold `most_bytes`, but one at least."""
        return await self.database.read(
            lambda one: queries.page(one, fits, limit, cursor, with_call=False, most_bytes=most_bytes)
        )

    async def results(self, newest_first: Sequence[int], most_bytes: int) -> dict[int, bytes]:
        """The results of the first of these jobs, by number, up to so many bytes together."""
        return await self.database.read(lambda one: queries.results(one, newest_first, most_bytes))

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
        return await self.database.read(
            lambda connection: queries.read_events(connection, job_id, after, limit, types, most_bytes)
        )

    async def news(
        self, job_id: str, after: int | None, limit: int = 1000, most_bytes: int | None = None
    ) -> News | None:
        """Where a job stands and its events after `after`, or after its last one; `None` if there is none."""
        return await self.database.read(
            lambda connection: queries.news(connection, job_id, after, limit, most_bytes)
        )

    async def metrics(
        self, job_id: str, render: Callable[[list[Metric], int | None], T], *, after: int = 0, limit: int
    ) -> T:
        """What `render` makes, in a thread, of up to `limit` metrics of a job, as they came.

        They begin behind the event `after`. `render` is given the number of the last one, too, if there are
        more, else `None`.
        """
        return await self.database.read(
            lambda connection: render(*queries.metrics(connection, job_id, after, limit))
        )

    async def requested_by(self, job_id: str) -> str | None:
        """Who has asked for a job; `None` if there is none."""
        return await self.database.read(lambda connection: queries.requested_by(connection, job_id))

    async def states(self, job_ids: Collection[str]) -> dict[str, State]:
        """The state of each of these jobs that there is."""
        return await self.database.read(lambda connection: queries.states(connection, job_ids))

    async def counts(self) -> dict[State, int]:
        """How many jobs stand in each state."""
        return await self.database.read(queries.counts)

    async def unended(self, models: Sequence[str]) -> Sequence[queries.Unended]:
        """How many jobs of these models have not ended, by kind and state."""
        return await self.database.read(lambda connection: queries.unended(connection, models))

    def subscribe(self, job_id: str | None = None) -> AbstractAsyncContextManager[asyncio.Event]:
        """`async with store.subscribe(id) as changed`: an event that is set after each commit of this store
        that changed the job (any job without an id). Clear it before reading."""
        return self.database.changes.subscribe(job_id)

    # -- webhooks and retention --------------------------------------------------------------------

    async def due_deliveries(
        self, limit: int, owner: str, lease_seconds: float, not_to: Collection[str] = ()
    ) -> Sequence[Delivery]:
        """Take webhooks that are due; they come again after the lease unless one of the next two is called.

        `not_to` are targets to leave out, as URLs in lower case that end before the path.
        """
        left_out = frozenset(not_to)
        return await self.database.write(lambda tx: deliveries.due(tx, limit, owner, lease_seconds, left_out))

    async def owners(self) -> set[str]:
        """The servers that hold jobs which run, or webhooks of which they have not said what became."""
        return await self.database.read(lambda one: queries.runners(one) | deliveries.owners(one))

    async def delivered(self, delivery_id: str) -> None:
        """A webhook was accepted."""
        await self.database.write(lambda tx: deliveries.delivered(tx, delivery_id))
        self.tally.webhooks["delivered"] += 1

    async def delivery_failed(self, delivery_id: str, error: str, next_at: float | None) -> None:
        """A webhook was not accepted: it is due again at `next_at` (seconds since the epoch), or never."""
        await self.database.write(lambda tx: deliveries.failed(tx, delivery_id, error, next_at))
        self.tally.webhooks["given_up" if next_at is None else "failed"] += 1

    async def count(self, model: str, kind: str, state: State, at_most: int) -> int:
        """How many jobs of a model stand in a state; what is beyond `at_most` is not counted."""
        fits = queries.Filter(model=model, kind=kind, state=state)
        return await self.database.read(lambda connection: queries.count(connection, fits, at_most))

    async def prune(self, before: float) -> Sequence[str]:
        """Remove jobs that ended before `before`, with their events; returns their ids."""
        removed: set[str] = set()
        while True:
            some = await self.database.write(lambda tx: retention.prune(tx, before))
            if not some:
                return sorted(removed)
            removed.update(some)
