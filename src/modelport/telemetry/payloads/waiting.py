"""Feedback on predictions of other servers, where several share a database: it waits there for the one that
has the prediction, which takes it over when a report is asked of it.

What can go wrong, and what is done:

- *Nobody has the prediction.* Then it goes when it is as old as predictions become (`payload_keep`).
- *Somebody fills the database.* So many truths of one giver wait, and no more.
- *Somebody tells of what is another's.* Who has asked for a prediction is known where it is kept alone: each
  giver's truth waits by itself, with whose prediction it must be, and is judged there.
- *A newer one was told in the meantime* to the server that has the prediction: the newer one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select

from modelport.settings import Settings
from modelport.settings.written import seconds_of
from modelport.storage.schema.feedback import waiting_truths
from modelport.storage.service import Storage
from modelport.storage.upserts import InsertInto, made_once
from modelport.storage.writer import Transaction
from modelport.telemetry.payloads.messages import MOST_TRUTH, Truth

MOST_WAITING = 10_000  # truths of one giver
MOST_BYTES = 16 << 20  # of them
MOST_TAKEN = 20_000  # of a model at once, the oldest
KEEP_SECONDS = 30 * 86400.0  # where predictions are kept for ever


class WaitingTruth(NamedTuple):
    """A truth that waits. `owner` must have asked for the prediction; `None` if anybody may have."""

    truth: Truth
    owner: str | None
    giver: str


class Placed(NamedTuple):
    """The ids of truths that wait now, and of those that do not."""

    waiting: list[str]
    too_large: list[str]
    too_many: list[str]


class WaitingTruths:
    """Those in the database of a server. Where no other one can use that, none wait."""

    def __init__(self, storage: Storage, settings: Settings):
        self._storage = storage
        self._keep_seconds = seconds_of(settings.payload_keep) or KEEP_SECONDS
        self.is_shared = storage.is_shared
        self.are_of_servers = not storage.is_file  # of others, which cannot be asked

    async def put(self, model: str, truths: Sequence[Truth], owner: str | None, giver: str) -> Placed:
        """Have truths wait; one that does is replaced by another of the same giver. Raises `StoreError`s."""
        encoded = {one.request_id: msgspec.json.encode(one.truth) for one in truths}
        too_large = [name for name, truth in encoded.items() if len(truth) > MOST_TRUTH]
        rows = [
            {"model": model, "request_id": name, "giver": giver, "owner": owner, "truth": truth}
            for name, truth in encoded.items()
            if len(truth) <= MOST_TRUTH
        ]
        names = [name for name in encoded if name not in too_large]

        def work(tx: Transaction) -> bool:
            table = waiting_truths
            tx.connection.execute(delete(table).where(table.c.at < tx.now - self._keep_seconds))
            query = select(func.count(), func.coalesce(func.sum(func.length(table.c.truth)), 0))
            count, size = tx.connection.execute(query.where(table.c.giver == giver)).one()
            size += sum(len(row["truth"] or b"") for row in rows)
            if count + len(rows) > MOST_WAITING or size > MOST_BYTES:
                return False
            statement = _put(tx.connection.dialect.name == "postgresql")
            tx.connection.execute(statement, [row | {"at": tx.now} for row in rows])
            return True

        if not rows or await self._storage.database.write(work):
            return Placed(names, too_large, [])
        return Placed([], too_large, names)

    async def of(self, model: str) -> list[WaitingTruth]:
        """Those of a model, the oldest first. Raises `StoreError`s."""
        table = waiting_truths
        query = select(table).where(table.c.model == model).order_by(table.c.at).limit(MOST_TAKEN)

        def read(connection: Connection) -> list[WaitingTruth]:
            return [
                WaitingTruth(
                    Truth(row.request_id, msgspec.json.decode(row.truth), row.at), row.owner, row.giver
                )
                for row in connection.execute(query)
            ]

        return await self._storage.database.read(read)

    async def remove(self, model: str, truths: Sequence[WaitingTruth]) -> None:
        """They have been taken over, or refused; what was told since then stays. Raises `StoreError`s."""
        table = waiting_truths

        def work(tx: Transaction) -> None:
            for one in truths:
                tx.connection.execute(
                    delete(table).where(
                        table.c.model == model,
                        table.c.request_id == one.truth.request_id,
                        table.c.giver == one.giver,
                        table.c.at == one.truth.at,
                    )
                )

        if truths:
            await self._storage.database.write(work)


def _put_statement(insert_into: InsertInto) -> Any:
    statement = insert_into(waiting_truths)
    new = {name: statement.excluded[name] for name in ("owner", "truth", "at")}
    return statement.on_conflict_do_update(index_elements=["model", "request_id", "giver"], set_=new)


_put = made_once(_put_statement)
