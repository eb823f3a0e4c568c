"""Webhooks that are owed: a row for each, made in the transaction that ends the job."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, insert, or_, select, update

from modelport.jobs.records import Delivery
from modelport.jobs.rows import plain
from modelport.jobs.states import State
from modelport.storage.schema.jobs import deliveries
from modelport.storage.writer import Transaction

WEBHOOKS = "webhooks"  # stands among the ids of changed jobs when a webhook is owed; no job is called so


def announce(tx: Transaction, job: Mapping[Any, Any]) -> None:
    """Owe a webhook to whoever asked for one about this job, in the state that it has now."""
    if not job["callback_url"]:
        return
    row = {
        "id": f"msg_{secrets.token_hex(16)}",
        "job": job["number"],
        "job_id": job["id"],
        "state": job["state"],
        "revision": job["revision"],
        "url": job["callback_url"],
        "created_at": tx.now,
        "attempts": 0,
        "owner": "",
        "next_at": tx.lease_now,
        "last_error": "",
    }
    tx.connection.execute(insert(deliveries), row)
    tx.touched.add(WEBHOOKS)


def due(
    tx: Transaction, limit: int, owner: str, lease_seconds: float, not_to: Collection[str] = ()
) -> list[Delivery]:
    """Take deliveries that are due; nobody else gets them before the lease is over.

    Those of one job come in order: a later one waits while an earlier one is still owed. Those to one of
    `not_to`, which are the beginnings of URLs up to their paths, are left for later.
    """
    earlier = deliveries.alias("earlier")
    blocked = exists().where(
        earlier.c.job == deliveries.c.job,
        earlier.c.revision < deliveries.c.revision,
        earlier.c.next_at.is_not(None),
    )
    query = (
        select(deliveries.c.number)
        .where(deliveries.c.next_at <= tx.lease_now, ~blocked, *(~_leads_to(target) for target in not_to))
        .order_by(deliveries.c.next_at, deliveries.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    numbers = tx.connection.execute(query).scalars().all()
    if not numbers:
        return []
    statement = (
        update(deliveries)
        .where(deliveries.c.number.in_(numbers))
        .values(owner=owner, next_at=tx.lease_now + lease_seconds, attempts=deliveries.c.attempts + 1)
        .returning(*deliveries.c)
    )
    rows = sorted(tx.connection.execute(statement).mappings().all(), key=lambda row: row["number"])
    return [
        Delivery(
            id=row["id"],
            job_id=row["job_id"],
            state=State(row["state"]),
            revision=row["revision"],
            url=row["url"],
            created_at=row["created_at"],
            attempts=row["attempts"],
            taken_at=tx.lease_now,
        )
        for row in rows
    ]


def release(tx: Transaction, lost_owners: Collection[str]) -> None:
    """Make due at once what servers that are gone had taken: nobody knows whether it was sent."""
    held = deliveries.c.owner.in_(sorted(lost_owners)), deliveries.c.next_at.is_not(None)
    freed = tx.connection.execute(update(deliveries).where(*held).values(next_at=tx.lease_now, owner=""))
    if freed.rowcount:
        tx.touched.add(WEBHOOKS)


def owners(connection: Connection) -> set[str]:
    """The servers that are sending something."""
    query = select(deliveries.c.owner).distinct()
    held = deliveries.c.next_at.is_not(None), deliveries.c.owner != ""
    return set(connection.execute(query.where(*held)).scalars())


def _leads_to(target: str) -> ColumnElement[bool]:
    """True for the URLs of one host and port, such as `https://example.org:443`."""
    url = func.lower(deliveries.c.url)
    beginnings = [url.startswith(target + end, autoescape=True) for end in "/?"]
    return or_(url == target, *beginnings)


def delivered(tx: Transaction, delivery_id: str) -> None:
    """The webhook was accepted: nothing is owed any longer."""
    values = {"delivered_at": tx.now, "next_at": None, "last_error": ""}
    tx.connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))


def failed(tx: Transaction, delivery_id: str, error: str, next_at: float | None) -> None:
    """The webhook was not accepted: try again at `next_at`, or never (`None`)."""
    undelivered = deliveries.c.delivered_at.is_(None)
    values = {"next_at": next_at, "owner": "", "last_error": plain(error)}
    statement = update(deliveries).where(deliveries.c.id == delivery_id, undelivered).values(values)
    tx.connection.execute(statement)
