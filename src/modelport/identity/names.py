"""What those are called whose ids the audit and the usage have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from modelport.identity.principals import OF_KEYS
from modelport.identity.users import OF_USERS
from modelport.storage.database import Database
from modelport.storage.schema.identity import keys
from modelport.storage.schema.users import users

AT_ONCE = 500  # as many as SQLite takes in one list


async def names_of(database: Database, ids: Iterable[str]) -> Mapping[str, str]:
    """The names of keys and users, as they are now, by the id of who asks. Raises the store's errors.

    Who is gone has none, and others (of certificates, issuers, proxies) have theirs in the id.
    """
    asked = sorted(set(ids))
    subjects = [one for one in asked if one.startswith(OF_KEYS)]
    people = [one.removeprefix(OF_USERS) for one in asked if one.startswith(OF_USERS)]

    def read(connection: Connection) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for first in range(0, len(subjects), AT_ONCE):
            some = keys.c.subject.in_(subjects[first : first + AT_ONCE])
            query = select(keys.c.subject, keys.c.name).where(some).order_by(keys.c.created_at)
            found |= {row.subject: row.name for row in connection.execute(query)}
        for first in range(0, len(people), AT_ONCE):
            some = users.c.id.in_(people[first : first + AT_ONCE])
            query = select(users.c.id, users.c.name).where(some)
            found |= {f"{OF_USERS}{row.id}": row.name for row in connection.execute(query)}
        return found

    return await database.read(read) if subjects or people else {}
