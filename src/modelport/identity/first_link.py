"""The link by which the first administrator is made: it works once, and only while there is nobody.

It is made when a server starts that asks who one is, and there are no users and no keys. Each server that
starts so makes one, and once one of them was used, or there is a key or a user by another way, all are worth
nothing: a log is read by more people than may make an administrator.
"""

from __future__ import annotations

import hashlib
import secrets
from time import time

from sqlalchemy import Connection, delete, func, insert, select

from modelport.identity import audit
from modelport.identity.principals import Principal
from modelport.identity.roles import Role
from modelport.identity.users import NewUser, User, add, count, count_change
from modelport.problems import Problem
from modelport.storage.database import Database
from modelport.storage.schema.identity import keys
from modelport.storage.schema.users import first_links
from modelport.storage.writer import Transaction

HOLDS_SECONDS = 3600.0
WORTHLESS = "this link was used, has expired or is mistyped: a server that starts without users prints one"
LINK = Principal("", "the first link", frozenset())


async def new_link(database: Database) -> str | None:
    """The token of a new link; `None` if there are users or keys. Raises the store's errors."""
    token = secrets.token_urlsafe(32)

    def write(tx: Transaction) -> bool:
        if _is_anybody(tx.connection):
            return False
        tx.connection.execute(delete(first_links).where(first_links.c.expires_at <= tx.now))
        row = {"hash": _hash(token), "expires_at": tx.now + HOLDS_SECONDS}
        tx.connection.execute(insert(first_links).values(row))
        return True

    return token if await database.write(write) else None


async def is_good(database: Database, token: str) -> bool:
    """Whether a link can be used now. Raises the store's errors."""
    query = select(first_links.c.expires_at).where(first_links.c.hash == _hash(token))
    found = await database.read(lambda one: one.execute(query).scalar())
    return found is not None and found > time()


async def use(database: Database, token: str, name: str, password: str) -> User:
    """Make the first administrator; `password` is as argon2 keeps it.

    Raises `Problem` 403 for a link that cannot be used, 422 for a name, and the store's errors.
    """

    def write(tx: Transaction) -> User:
        count_change(tx)  # servers that do this at once take turns
        here = first_links.c.hash == _hash(token)
        ends = tx.connection.execute(select(first_links.c.expires_at).where(here)).scalar()
        if ends is None or ends <= tx.now or _is_anybody(tx.connection):
            raise Problem(403, WORTHLESS)
        user = add(tx, NewUser(name=name, password=password, role=Role.ADMIN), LINK)
        audit.note(tx, user.principal, "users.first_link", user.id, name=user.name)
        tx.connection.execute(delete(first_links))
        return user

    return await database.write(write)


def _is_anybody(connection: Connection) -> bool:
    """Whether there is a user, or a key that was not revoked."""
    usable = select(func.count()).select_from(keys).where(keys.c.revoked_at.is_(None))
    return bool(count(connection) or connection.execute(usable).scalar_one())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
