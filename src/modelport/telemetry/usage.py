"""What was used, by whom, of which model, on which day: counted in memory, written in batches.

What can go wrong, and what answers it:

- *Counting costs the hot path.* There it is one look-up and a few additions; a database is written to every
  few seconds, whatever came in between.
- *The database is away.* What was counted waits, in no more than `MOST_ROWS` rows: beyond these, models are
  counted together, and then those who ask. A server that is killed loses what waits.
- *Clients invent names of models.* Only models that there are have rows of their own.
- *Rows are kept for ever.* Those of days that are older than `keep_usage` are removed, once a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from time import time
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from modelport.storage.database import Database
from modelport.storage.schema.identity import usage
from modelport.storage.upserts import InsertInto, made_once
from modelport.storage.writer import Transaction
from modelport.telemetry.exchanges import Alike, Count, Exchange

DAY = 86400
MOST_ROWS = 10_000  # that wait to be written
FIRST_DAY = date(1970, 1, 1).toordinal()


class Used(msgspec.Struct, kw_only=True):
    """What was used. `calls` asked a model at once, `jobs` were begun; `errors` were answered 400 or more.

    Tokens are those that models have counted.
    """

    requests: int = 0
    calls: int = 0
    errors: int = 0
    jobs: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    model_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class UsedOnDay(Used, kw_only=True):
    """What one who asks has used of one model on a `day` (YYYY-MM-DD, UTC); `model` is empty for no model."""

    day: str
    principal: str
    model: str


class UsagePage(msgspec.Struct, kw_only=True, frozen=True):
    """Rows, the newest day first, and the cursor of the next page (`None` at the end)."""

    rows: list[UsedOnDay]
    cursor: int | None


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    """Which rows are asked for: those of the last `days`, of one `principal`, of one `model`."""

    days: int = 30
    principal: str | None = None
    model: str | None = None


Place = tuple[int, str, str]  # day, principal, model


class Usage:
    """Counts for one server; `is_model` tells whether there is a model of a name."""

    def __init__(self, keep_seconds: float, is_model: Callable[[str], bool]):
        self._keep_days = int(keep_seconds // DAY)
        self._is_model = is_model
        self._waiting: dict[Place, Used] = {}
        self._pruned = 0  # on which day

    def hear(self, exchange: Exchange) -> None:
        """Count a request that is over."""
        day, principal, model = int(exchange.began) // DAY, exchange.principal, exchange.model
        used = self._of_day(day, principal, model)
        used.requests += 1
        used.calls += bool(exchange.verb)
        used.errors += exchange.status >= 400
        used.jobs += exchange.jobs
        used.bytes_in += exchange.bytes_in
        used.bytes_out += exchange.bytes_out
        used.model_seconds += exchange.model_seconds
        used.prompt_tokens += exchange.prompt_tokens
        used.completion_tokens += exchange.completion_tokens

    def of(self, alike: Alike) -> Count:
        """What counts each one of these: where, is looked up once a day, and after each writing."""
        principal, model = alike.principal, alike.model
        waiting: dict[Place, Used] | None = None  # where `used` is
        used = Used()
        begins = 0.0  # the day of it

        def count(bytes_in: int, bytes_out: int, seconds: float, model_seconds: float) -> None:
            nonlocal waiting, used, begins
            began = time() - seconds
            if waiting is not self._waiting or not 0 <= began - begins < DAY:
                day = int(began) // DAY
                used, waiting, begins = self._of_day(day, principal, model), self._waiting, float(day * DAY)
            used.requests += 1
            used.calls += 1
            used.bytes_in += bytes_in
            used.bytes_out += bytes_out
            used.model_seconds += model_seconds

        return count

    def bytes_waiting(self, day: int, principal: str) -> int:
        """Bytes that one has used on a day, and that the database does not know yet."""
        found = (one for place, one in self._waiting.items() if place[:2] == (day, principal))
        return sum(one.bytes_in + one.bytes_out for one in found)

    async def write(self, database: Database) -> None:
        """Add to the database what has come since the last time. Raises the store's errors."""
        waiting, self._waiting = self._waiting, {}
        today = int(time()) // DAY
        oldest = today - self._keep_days if self._keep_days and self._pruned != today else None
        if not waiting and oldest is None:
            return
        try:
            await database.write(lambda tx: _add(tx, waiting, oldest))
        except BaseException:
            for place, used in waiting.items():
                _sum_up(self._used(place), used)
            raise
        self._pruned = today

    def _of_day(self, day: int, principal: str, model: str) -> Used:
        used = self._waiting.get((day, principal, model))
        return used or self._used((day, principal, model if self._is_model(model) else ""))

    def _used(self, place: Place) -> Used:
        used = self._waiting.get(place)
        if used is None:
            if len(self._waiting) >= MOST_ROWS:
                day, principal, _ = place
                place = (day, principal, "") if (day, principal, "") in self._waiting else (day, "", "")
            used = self._waiting.setdefault(place, Used())
        return used


async def page(database: Database, asked: Asked, limit: int, cursor: int | None = None) -> UsagePage:
    """The rows that are asked for, from the one of this number on. Raises the store's errors."""
    first = cursor or 0
    since = int(time()) // DAY - asked.days + 1
    query = select(usage).where(usage.c.day >= since)
    if asked.principal is not None:
        query = query.where(usage.c.principal == asked.principal)
    if asked.model is not None:
        query = query.where(usage.c.model == asked.model)
    query = query.order_by(usage.c.day.desc(), usage.c.principal, usage.c.model)
    query = query.limit(limit + 1).offset(first)

    def read(connection: Connection) -> UsagePage:
        rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            row["day"] = _date(row["day"])
        found = [UsedOnDay(**row) for row in rows[:limit]]
        return UsagePage(rows=found, cursor=first + limit if len(rows) > limit else None)

    return await database.read(read)


async def bytes_used(database: Database, day: int, principals: Sequence[str]) -> dict[str, int]:
    """The bytes that each of these has used on a day. Raises the store's errors."""
    columns = (usage.c.principal, usage.c.bytes_in, usage.c.bytes_out)

    def read(connection: Connection) -> dict[str, int]:
        found: dict[str, int] = {}
        for first in range(0, len(principals), 500):  # as many as SQLite takes in one list
            some = usage.c.principal.in_(principals[first : first + 500])
            for row in connection.execute(select(*columns).where(usage.c.day == day, some)):
                found[row[0]] = found.get(row[0], 0) + row[1] + row[2]
        return found

    return await database.read(read)


def _sum_up(used: Used, more: Used) -> None:
    for name in Used.__struct_fields__:
        setattr(used, name, getattr(used, name) + getattr(more, name))


def _date(day: int) -> str:
    return date.fromordinal(FIRST_DAY + day).isoformat()


def _added(insert_into: InsertInto) -> Any:
    statement = insert_into(usage)
    sums = {name: usage.c[name] + statement.excluded[name] for name in Used.__struct_fields__}
    return statement.on_conflict_do_update(index_elements=["day", "principal", "model"], set_=sums)


_add_row = made_once(_added)


def _add(tx: Transaction, waiting: dict[Place, Used], oldest: int | None) -> None:
    rows = [
        {"day": day, "principal": principal, "model": model, **msgspec.structs.asdict(used)}
        for (day, principal, model), used in waiting.items()
    ]
    if rows:
        tx.connection.execute(_add_row(tx.postgres), rows)
    if oldest is not None:
        tx.connection.execute(delete(usage).where(usage.c.day < oldest))
