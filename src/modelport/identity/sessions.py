"""Where users are logged in: sessions of programs, with refresh tokens, and sessions of the page.

A refresh token has two halves of 256 random bits: the first is that of its *family*, which stays, the second
is another one after each use. Whoever sends the first with a second that is not the current one has a token
that was used before: it was copied, by them or from them, and nobody knows which. So the family ends. A
stranger cannot end it, since nobody else knows the first half.

A session that has ended is removed: there is no state that could be forgotten in a query.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection
from time import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from modelport.identity import audit
from modelport.identity.principals import Principal
from modelport.identity.users import OF_USERS, User, count_change, user_of
from modelport.storage.database import Database
from modelport.storage.schema.users import sessions, users
from modelport.storage.writer import Transaction

MARK = "mpr_"
SESSION_SECONDS = 30 * 86400.0  # of a program, from when the password was sent
PAGE_SECONDS = 12 * 3600.0
MOST_OF_ONE = 50  # of a user; the oldest ends where there would be more


class Session(NamedTuple):
    """Somebody's being logged in, until `expires_at` (seconds of the epoch)."""

    id: str
    user: User
    expires_at: float
    is_page: bool


class Renewed(NamedTuple):
    """A session that goes on, with the refresh token that is to be used next."""

    session: Session
    refresh: str


class Reused(NamedTuple):
    """A refresh token was used twice: its session has ended."""

    user: User


def begin(tx: Transaction, user: User, address: str, *, is_page: bool) -> tuple[Session, str]:
    """Log somebody in, in the transaction of the caller; with a refresh token, empty for a page."""
    leave_room(tx, user.id)
    refresh = "" if is_page else _new_refresh(secrets.token_urlsafe(32))
    family, current = (None, None) if is_page else _hashes(refresh)
    row: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "user_id": user.id,
        "created_at": tx.now,
        "expires_at": tx.now + (PAGE_SECONDS if is_page else SESSION_SECONDS),
        "address": address,
        "family": family,
        "current": current,
    }
    tx.connection.execute(insert(sessions).values(row))
    return Session(row["id"], user, row["expires_at"], is_page), refresh


async def is_known(database: Database, refresh: str) -> bool:
    """Whether a refresh token is one of a session, used or not. Raises the store's errors."""
    family, _ = _hashes(refresh)
    query = select(sessions.c.id).where(sessions.c.family == family)
    return bool(family) and await database.read(lambda one: one.execute(query).first() is not None)


def renew(tx: Transaction, refresh: str) -> Renewed | Reused | None:
    """Put a refresh token in the place of another one, in the transaction of the caller.

    `None` if it is none that could be used; `Reused` if it was used before, and its session is ended then.
    """
    family, current = _hashes(refresh)
    session = _find(tx.connection, sessions.c.family == family, tx.now) if family else None
    if session is None:
        return None
    new = _new_refresh(refresh.removeprefix(MARK).partition(".")[0])
    is_current = (sessions.c.id == session.id) & (sessions.c.current == current)
    change = update(sessions).where(is_current).values(current=_hashes(new)[1])
    if tx.connection.execute(change).rowcount:  # of two servers that are sent it at once, one does it
        return Renewed(session, new)
    end(tx, session.id)
    who = session.user.principal
    audit.note(tx, who, "users.refresh_reused", session.user.id, name=session.user.name)
    return Reused(session.user)


def end(tx: Transaction, session_id: str) -> None:
    """Log a session out, in the transaction of the caller."""
    if tx.connection.execute(delete(sessions).where(sessions.c.id == session_id)).rowcount:
        count_change(tx)


async def end_one(database: Database, session_id: str, by: Principal) -> None:
    """Log a session out. Raises the store's errors."""

    def write(tx: Transaction) -> None:
        end(tx, session_id)
        audit.note(tx, by, "users.logout", by.id.removeprefix(OF_USERS))

    await database.write(write)


async def find(database: Database, session_id: str) -> Session | None:
    """The session, if somebody is logged in by it who may be. Raises the store's errors."""
    return await database.read(lambda one: _find(one, sessions.c.id == session_id, time()))


async def still_there(database: Database, session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that have not ended. Raises the store's errors."""
    query = select(sessions.c.id).where(sessions.c.id.in_(session_ids), sessions.c.expires_at > time())
    return set(await database.read(lambda one: one.execute(query).scalars().all()))


def _find(connection: Connection, condition: Any, now: float) -> Session | None:
    query = (
        select(
            users,
            sessions.c.id.label("session"),
            sessions.c.expires_at,
            sessions.c.family,
        )
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(condition, sessions.c.expires_at > now, users.c.disabled_at.is_(None))
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Session(row["session"], user_of(dict(row)), row["expires_at"], row["family"] is None)


def leave_room(tx: Transaction, user_id: str) -> None:
    """Remove the sessions that have expired, and the oldest of somebody who has many."""
    tx.connection.execute(delete(sessions).where(sessions.c.expires_at <= tx.now))
    query = (
        select(sessions.c.id)
        .where(sessions.c.user_id == user_id)
        .order_by(sessions.c.created_at.desc())
        .offset(MOST_OF_ONE - 1)
    )
    for session_id in tx.connection.execute(query).scalars().all():
        end(tx, session_id)


def _new_refresh(family: str) -> str:
    return f"{MARK}{family}.{secrets.token_urlsafe(32)}"


def _hashes(refresh: str) -> tuple[bytes, bytes]:
    """Of both halves; empty ones of what is no refresh token."""
    family, dot, current = refresh.removeprefix(MARK).partition(".")
    if not refresh.startswith(MARK) or not dot or len(refresh) > 200:
        return b"", b""
    return hashlib.sha256(family.encode()).digest(), hashlib.sha256(current.encode()).digest()
