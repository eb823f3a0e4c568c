"""What those who ask have used, kept in the database: for who looks, and for limits that servers share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from sqlalchemy import delete, select, update

from modelport.identity.allowances import Allowances, today
from modelport.identity.names import names_of
from modelport.identity.rate_windows import Lent, LentWindow
from modelport.settings import Settings
from modelport.settings.groups.access import Auth
from modelport.settings.written import Rate, seconds_of
from modelport.siblings import LONG_SECONDS
from modelport.storage.database import Database
from modelport.storage.errors import StoreError, StoreUnavailable
from modelport.storage.schema.identity import allowances as kept
from modelport.storage.service import Storage
from modelport.storage.upserts import insert_into
from modelport.storage.writer import Transaction
from modelport.telemetry.exchanges import Alike, Count, Exchange
from modelport.telemetry.usage import Asked, Usage, UsagePage, bytes_used, page

log = logging.getLogger("modelport.identity")

WRITTEN = "usage written"  # what the processes of a server ask each other
WRITE_SECONDS = 5.0
PRUNE_SECONDS = 3600.0  # between two looks for stretches that have ended


class Accounting:
    """`serving.life` begins it when the storage is open, and stops it before that is closed.

    `is_on` says whether it is to hear of requests. It is the lender of the allowances where servers share
    the database.
    """

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        allowances: Allowances,
        is_model: Callable[[str], bool],
    ):
        self.usage = Usage(seconds_of(settings.keep_usage), is_model)
        self.is_on = settings.auth == Auth.ON or bool(settings.bytes_per_day)
        self._lends = self.is_on or bool(settings.rate)
        self._storage = storage
        self._allowances = allowances
        self._running: asyncio.Task[None] | None = None
        self._prunes_at = 0.0
        self._borrowing: set[asyncio.Task[None]] = set()
        if storage.siblings is not None:
            storage.siblings.answer(WRITTEN, self._written)

    def hear(self, exchange: Exchange) -> None:
        """Count a request that is over."""
        self.usage.hear(exchange)
        if self._allowances.count_bytes:
            self._allowances.count(exchange.principal, exchange.bytes_in + exchange.bytes_out)

    def of(self, alike: Alike) -> Count:
        """What counts each one of these."""
        allowances, use, principal = self._allowances, self.usage.of(alike), alike.principal
        if not allowances.has(principal):  # whose quotas change is somebody else to whom this is not given
            return use

        def count(bytes_in: int, bytes_out: int, seconds: float, model_seconds: float) -> None:
            use(bytes_in, bytes_out, seconds, model_seconds)
            allowances.count(principal, bytes_in + bytes_out)

        return count

    def begin(self) -> None:
        """Write what is counted from now on, if there is a database."""
        if not self._lends or self._running is not None:
            return
        with contextlib.suppress(StoreUnavailable):  # limits are then this server's, and usage is not kept
            if self._storage.database.is_shared:
                self._allowances.lender = self
            self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what was counted, and end."""
        running, self._running = self._running, None
        tasks = [*self._borrowing, *([running] if running is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if running is not None:
            await self._write()

    async def page(self, asked: Asked, limit: int, cursor: int | None) -> UsagePage:
        """What was used, up to now at this server. Raises the store's errors."""
        database = self._storage.database
        await self.usage.write(database)
        if self._storage.siblings is not None:
            await self._storage.siblings.ask(WRITTEN, seconds=LONG_SECONDS)
        return await page(database, asked, limit, cursor)

    async def _written(self, _: bytes) -> bytes:
        """Write what this process has counted, since somebody reads that of all."""
        await self._write()
        return b""

    async def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """What those are called who have used something, by their ids. Raises the store's errors."""
        return await names_of(self._storage.database, ids)

    async def lend(self, subject: str, rate: Rate, wanted: int) -> Lent:
        """Lend requests of the stretch that is. Raises the store's errors."""
        return await self._storage.database.write(lambda tx: _lend(tx, subject, rate, wanted))

    def in_background(self, window: LentWindow) -> None:
        """Have a window borrow, while nobody waits for it."""
        task = asyncio.get_running_loop().create_task(window.borrow())
        self._borrowing.add(task)
        task.add_done_callback(self._borrowing.discard)

    async def _run(self) -> None:
        while True:
            await self._write()
            await asyncio.sleep(WRITE_SECONDS)

    async def _write(self) -> None:
        try:
            database = self._storage.database
            await self.usage.write(database)
            await self._tell_bytes(database)
            if database.is_shared and self._prunes_at <= monotonic():
                await database.write(_prune)
                self._prunes_at = monotonic() + PRUNE_SECONDS
        except StoreError as error:
            log.warning("it cannot be kept now what was used: %s", error)
        except Exception:  # a bug: who asks is answered all the same
            log.exception("it could not be kept what was used")

    async def _tell_bytes(self, database: Database) -> None:
        """Let the allowances know what all servers have counted."""
        limited = dict(self._allowances.by_bytes())
        if not limited:
            return
        day = today()
        found = await bytes_used(database, day, list(limited))
        for who, allowance in limited.items():
            allowance.set_bytes(day, found.get(who, 0) + self.usage.bytes_waiting(day, who))


def _prune(tx: Transaction) -> None:
    """Remove the stretches that have ended, which say nothing more: the next one is made when it begins."""
    tx.connection.execute(delete(kept).where(kept.c.ends_at <= tx.now))


def _lend(tx: Transaction, subject: str, rate: Rate, wanted: int) -> Lent:
    """A part of what is left of the stretch; a new one begins where there is none, or of another length."""
    mine = kept.c.principal == subject
    query = select(kept.c.ends_at, kept.c.used).where(mine).with_for_update()
    while (found := tx.connection.execute(query).one_or_none()) is None:  # also if it is just removed
        first = insert_into(postgres=tx.postgres)(kept).values(principal=subject, ends_at=0.0, used=0)
        tx.connection.execute(first.on_conflict_do_nothing())
    ends_at, used = found
    if not tx.now < ends_at <= tx.now + rate.seconds:
        ends_at, used = tx.now + rate.seconds, 0
    lent = min(wanted, max(rate.requests - used, 0))
    tx.connection.execute(update(kept).where(mine).values(ends_at=ends_at, used=used + lent))
    return Lent(lent, max(rate.requests - used - lent, 0), ends_at - tx.now)
