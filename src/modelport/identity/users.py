"""The users of a database: made, listed, changed, removed.

What takes something from a user (disabling, another password, role or models) ends every session of theirs in
the same transaction, and raises the number that all servers look at each second.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from modelport.identity import audit
from modelport.identity.principals import Principal
from modelport.identity.roles import SCOPES, Role
from modelport.problems import Problem
from modelport.settings.named_limits import folded
from modelport.storage.database import Database
from modelport.storage.schema.users import sessions, user_addresses, user_changes, users
from modelport.storage.writer import Transaction

OF_USERS = "user:"  # begins the id of who asks as a user
CHANGED = "users"  # what is told of when something was taken from any of them
MAX_NAME = 100
MOST_USERS = 100_000


class User(msgspec.Struct, kw_only=True, frozen=True):
    """A user as the store has it; `models` is `None` for all. Times are seconds of the epoch."""

    id: str
    name: str
    role: Role
    models: list[str] | None
    created_at: float
    created_by: str
    disabled_at: float | None
    last_login_at: float | None

    @property
    def principal(self) -> Principal:
        """Who asks, where this user is logged in."""
        models = None if self.models is None else frozenset(self.models)
        return Principal(f"{OF_USERS}{self.id}", self.name, SCOPES[self.role], models)


class NewUser(msgspec.Struct, kw_only=True, frozen=True):
    """A user that is asked for. `password` is as argon2 keeps it."""

    name: str
    password: str | None
    role: Role
    models: Collection[str] | None = None


class Change(msgspec.Struct, kw_only=True, frozen=True):
    """What of a user is to be another; what is left out stays. `password` is as argon2 keeps it.

    With `was`, which is what was kept of the password, nothing is changed if that is another one by now, or
    if the user may not come in any more.
    """

    role: Role | msgspec.UnsetType = msgspec.UNSET
    models: Collection[str] | msgspec.UnsetType | None = msgspec.UNSET
    password: str | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    was: str | msgspec.UnsetType | None = msgspec.UNSET


class UserStore:
    """Every method raises the store's errors, and `Problem` for what cannot be done."""

    def __init__(self, database: Database):
        self._database = database

    async def create(self, new: NewUser, by: Principal) -> User:
        """Make a user."""
        return await self._database.write(lambda tx: add(tx, new, by))

    async def list(self) -> list[User]:
        """Every user, by name."""
        query = select(users).order_by(users.c.folded)
        return await self._database.read(
            lambda one: [user_of(dict(row)) for row in one.execute(query).mappings()]
        )

    async def find(self, which: str) -> User:
        """The user of this id or name."""
        return await self._database.read(lambda one: _find(one, which))

    async def change(self, which: str, change: Change, by: Principal) -> User:
        """Change a user, and end every session of theirs."""
        if change.models is not msgspec.UNSET:
            _check_models(change.models)

        def write(tx: Transaction) -> User:
            user = _find(tx.connection, which)
            if change.was is not msgspec.UNSET and not _is_still(tx, user, change.was):
                raise Problem(409, "the password was changed by somebody else meanwhile")
            values, told = _values(change, user, tx.now)
            if by.id == f"{OF_USERS}{user.id}" and told.keys() - {"password"}:
                raise Problem(409, "nobody changes their own role or models, or disables themselves")
            if values:
                tx.connection.execute(update(users).where(users.c.id == user.id).values(values))
                end_sessions(tx, user.id)
                audit.note(tx, by, "users.change", user.id, name=user.name, **told)
            return _find(tx.connection, user.id)

        return await self._database.write(write)

    async def delete(self, which: str, by: Principal) -> User:
        """Remove a user, and end every session of theirs. Their jobs stay."""

        def write(tx: Transaction) -> User:
            user = _find(tx.connection, which)
            if by.id == f"{OF_USERS}{user.id}":
                raise Problem(409, "nobody removes themselves")
            end_sessions(tx, user.id)
            tx.connection.execute(delete(user_addresses).where(user_addresses.c.user_id == user.id))
            tx.connection.execute(delete(users).where(users.c.id == user.id))
            audit.note(tx, by, "users.delete", user.id, name=user.name)
            return user

        return await self._database.write(write)

    async def stamp(self) -> int:
        """A number that is another one after something was taken from a user or a session."""
        query = select(user_changes.c.number)
        return await self._database.read(lambda one: one.execute(query).scalar_one())


def add(tx: Transaction, new: NewUser, by: Principal) -> User:
    """Add a user, in the transaction of the caller."""
    _check_name(new.name)
    _check_models(new.models)
    if count(tx.connection) >= MOST_USERS:
        raise Problem(409, f"there are {MOST_USERS} users, and no more may be")
    row: dict[str, Any] = {
        "id": uuid.uuid4().hex[:12],
        "name": new.name,
        "folded": folded(new.name),
        "password": new.password,
        "role": str(new.role),
        "models": _joined(new.models),
        "created_at": tx.now,
        "created_by": by.id,
    }
    there = tx.connection.execute(select(users.c.id).where(users.c.folded == row["folded"])).first()
    if there is not None:
        raise Problem(409, f"there is a user {new.name!r} already")
    tx.connection.execute(insert(users).values(row))
    audit.note(tx, by, "users.create", row["id"], name=new.name, role=row["role"], models=row["models"])
    return _find(tx.connection, row["id"])


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.execute(select(func.count()).select_from(users)).scalar_one()


def end_sessions(tx: Transaction, user_id: str) -> None:
    """End every session of a user, in the transaction of the caller."""
    tx.connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
    count_change(tx)


def count_change(tx: Transaction) -> None:
    """Have every server look anew at who asks."""
    tx.connection.execute(update(user_changes).values(number=user_changes.c.number + 1))
    tx.touched.add(CHANGED)


def user_of(row: dict[str, Any]) -> User:
    """A user of a row of the table."""
    found = {name: row[name] for name in User.__struct_fields__}
    found["role"] = Role(row["role"]) if row["role"] in list(Role) else Role.USER  # of a later version
    found["models"] = None if row["models"] is None else row["models"].split(",")
    return User(**found)


def _values(change: Change, user: User, now: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is another one after a change: for the table, and for the audit."""
    values: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if change.role is not msgspec.UNSET and change.role != user.role:
        values["role"] = told["role"] = str(change.role)
    if change.models is not msgspec.UNSET and _joined(change.models) != _joined(user.models):
        values["models"] = _joined(change.models)
        told["models"] = values["models"] or "all"
    if change.password is not msgspec.UNSET:
        values["password"] = change.password
        told["password"] = "changed"
    if change.disabled is not msgspec.UNSET and change.disabled != (user.disabled_at is not None):
        values["disabled_at"] = now if change.disabled else None
        told["disabled"] = change.disabled
    return values, told


def _is_still(tx: Transaction, user: User, password: str | None) -> bool:
    kept = tx.connection.execute(select(users.c.password).where(users.c.id == user.id)).scalar_one()
    return kept == password and user.disabled_at is None


def _find(connection: Connection, which: str) -> User:
    """The user of this name; if there is none, of this id."""
    for condition in (users.c.folded == folded(which), users.c.id == which.removeprefix(OF_USERS)):
        row = connection.execute(select(users).where(condition)).mappings().one_or_none()
        if row is not None:
            return user_of(dict(row))
    raise Problem(404, f"there is no user {which[:MAX_NAME]!r}")


def _joined(models: Collection[str] | None) -> str | None:
    return None if models is None else ",".join(sorted(set(models)))


def _check_name(name: str) -> None:
    # Also as it is compared: a wide colon would make it the id of somebody else.
    is_plain = name.isprintable() and name == name.strip() and not set(name + folded(name)) & set("/:,")
    if not 0 < len(name) <= MAX_NAME or not is_plain:
        raise Problem(
            422, f"name: 1 to {MAX_NAME} printable characters, without spaces at the ends and none of / : ,"
        )


def _check_models(models: Collection[str] | None) -> None:
    if models is not None and not models:
        raise Problem(422, "models: name one at least, or leave it out for all of them")
    wrong = next((name for name in models or () if "," in name or not name or not name.isprintable()), None)
    if wrong is not None:
        raise Problem(422, f"models: {wrong[:MAX_NAME]!r} cannot be a model's name")
