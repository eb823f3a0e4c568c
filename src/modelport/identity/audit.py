"""What was done, and by whom: rows are added, and never changed or removed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from modelport.identity.principals import Principal
from modelport.storage.database import Database
from modelport.storage.schema.identity import audit
from modelport.storage.writer import Transaction

OUTSIDE = Principal("", "modelport, run by hand", frozenset())  # a command on the data folder itself


class AuditRecord(msgspec.Struct, kw_only=True, frozen=True):
    """Something that was done to `target`. `number` rises; `at` is in seconds of the epoch.

    `principal` is the id of who has done it, empty where nobody has to say who they are.
    """

    number: int
    at: float
    principal: str
    action: str
    target: str
    details: dict[str, Any]


class AuditPage(msgspec.Struct, kw_only=True, frozen=True):
    """Records, newest first, and the cursor of the next page (`None` at the end)."""

    records: list[AuditRecord]
    cursor: int | None


def note(tx: Transaction, who: Principal, action: str, target: str, **details: Any) -> None:
    """Add a record, in the transaction of what was done."""
    row = {
        "at": tx.now,
        "principal": who.id,
        "action": action,
        "target": target,
        "details": msgspec.msgpack.encode(details),
    }
    tx.connection.execute(insert(audit).values(row))


async def noted(database: Database, who: Principal, action: str, target: str, **details: Any) -> None:
    """Add a record of what was done already. Raises the store's errors."""
    await database.write(lambda tx: note(tx, who, action, target, **details))


async def page(database: Database, limit: int, cursor: int | None = None) -> AuditPage:
    """The newest records, from below `cursor`. Raises the store's errors."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(audit.c.number < cursor)

    def read(connection: Connection) -> AuditPage:
        rows = [dict(row) for row in connection.execute(query).mappings()]
        found = [
            AuditRecord(**{**row, "details": msgspec.msgpack.decode(row["details"])}) for row in rows[:limit]
        ]
        return AuditPage(records=found, cursor=found[-1].number if len(rows) > limit else None)

    return await database.read(read)
