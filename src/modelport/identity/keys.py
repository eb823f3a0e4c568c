"""The API keys of a database: made, listed, revoked, replaced. A key is shown once, when it is made."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from modelport.identity import audit
from modelport.identity.key_text import hash_of, new_key, prefix_of
from modelport.identity.principals import GRANTED, OF_KEYS, AccessScope, Principal
from modelport.identity.quotas import OwnQuotas, check_quotas
from modelport.problems import Problem
from modelport.storage.database import Database
from modelport.storage.schema.identity import keys
from modelport.storage.writer import Transaction

CHANGED = "keys"  # what is told of when any of them changes
MOST_KEYS = 10_000  # that can be used: each server has all of them in memory
MAX_NAME = 200
MOST_YEARS = 100  # that a key may last; for longer it is one for ever
MOST_SECONDS = MOST_YEARS * 366 * 86400.0


class NewKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key that is asked for: for these `models`, `None` for all; until `expires_at`, `None` for ever.

    Times are seconds of the epoch.
    """

    name: str
    scopes: Collection[AccessScope]
    models: Collection[str] | None = None
    expires_at: float | None = None
    quotas: OwnQuotas = OwnQuotas()


class Key(msgspec.Struct, kw_only=True, frozen=True):
    """A key as the store has it, without what nobody but its owner knows. `prefix` is how it begins.

    `subject` is who asks with it: a key that was put in the place of another has that one's.
    """

    id: str
    subject: str
    name: str
    prefix: str
    scopes: list[AccessScope]
    models: list[str] | None
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    quotas: OwnQuotas

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        models = None if self.models is None else frozenset(self.models)
        quotas = self.quotas if self.quotas != OwnQuotas() else None
        return Principal(
            self.subject,
            self.name,
            frozenset(self.scopes),
            models,
            expires_at=self.expires_at,
            key=self.id,
            quotas=quotas,
        )


class KeyStore:
    """Every method raises the store's errors, and `Problem` for what cannot be done."""

    def __init__(self, database: Database):
        self._database = database

    async def create(self, new: NewKey, by: Principal) -> tuple[Key, str]:
        """Make a key; returns it with its text, which nobody can have again."""
        _check(new)
        text = new_key()

        def write(tx: Transaction) -> Key:
            if new.expires_at is not None:
                _check_seconds("expires", new.expires_at - tx.now)
            key = _insert(tx, new, text, by)
            details = {"name": key.name, "scopes": list(key.scopes), "models": key.models}
            details |= {name: one for name, one in asdict(key.quotas).items() if one is not None}
            audit.note(tx, by, "keys.create", key.id, **details, expires_at=key.expires_at)
            return key

        return await self._database.write(write), text

    async def list(self) -> list[Key]:
        """Every key, the newest first, also those that cannot be used any more."""
        return await self._database.read(_read)

    async def stamp(self) -> tuple[int, int]:
        """Two numbers that are others after each change: keys are only ever made and revoked."""
        query = select(func.count(), func.count(keys.c.revoked_at)).select_from(keys)
        found = await self._database.read(lambda one: one.execute(query).one())
        return found[0], found[1]

    async def usable(self) -> list[tuple[bytes, Key]]:
        """Each key that is not revoked, with its hash."""
        return await self._database.read(_usable)

    async def revoke(self, which: str, by: Principal) -> Key:
        """Let a key, named by its id, its prefix or its name, be used no more."""

        def write(tx: Transaction) -> Key:
            key = _find(tx.connection, which)
            if key.revoked_at is None:
                _change(tx, key.id, revoked_at=tx.now)
                audit.note(tx, by, "keys.revoke", key.id, name=key.name)
            return _find(tx.connection, key.id)

        return await self._database.write(write)

    async def rotate(self, which: str, grace_seconds: float, by: Principal) -> tuple[Key, str]:
        """Make a key in the place of another one, which can be used for the grace still."""
        text = new_key()
        if grace_seconds:
            _check_seconds("grace", grace_seconds)

        def write(tx: Transaction) -> Key:
            old = _find(tx.connection, which)
            until = tx.now + grace_seconds
            if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= tx.now):
                raise Problem(
                    409, f"the key {old.name!r} ({old.prefix}…) cannot be used any more; create one"
                )
            new = NewKey(
                name=old.name,
                scopes=old.scopes,
                models=old.models,
                expires_at=old.expires_at,
                quotas=old.quotas,
            )
            key = _insert(tx, new, text, by, old.subject)
            ends = until if old.expires_at is None else min(until, old.expires_at)
            _change(tx, old.id, expires_at=ends)
            audit.note(tx, by, "keys.rotate", old.id, name=old.name, new=key.id, old_until=ends)
            return key

        return await self._database.write(write), text

    async def used(self, at: dict[str, float]) -> None:
        """Note when keys were used last, by their ids."""

        def write(tx: Transaction) -> None:
            for key_id, when in at.items():
                tx.connection.execute(update(keys).where(keys.c.id == key_id).values(last_used_at=when))

        await self._database.write(write)


def _check(new: NewKey) -> None:
    if not new.name.strip() or len(new.name) > MAX_NAME or not new.name.isprintable():
        raise Problem(422, f"name: a key needs a name of 1 to {MAX_NAME} printable characters")
    if not new.scopes:
        raise Problem(422, f"scopes: a key needs one at least, of {', '.join(GRANTED)}")
    if new.models is not None and not new.models:
        raise Problem(422, "models: name one at least, or leave it out for all of them")
    check_quotas(new.quotas)
    wrong = next((name for name in new.models or () if "," in name or not name.isprintable()), None)
    if wrong is not None:
        raise Problem(422, f"models: {wrong[:MAX_NAME]!r} cannot be a model's name")


def _check_seconds(name: str, seconds: float) -> None:
    """Refuse no time at all, which might mean for ever, and one that ends where no calendar does."""
    if not 0 < seconds <= MOST_SECONDS:
        raise Problem(422, f"{name}: a time of more than 0 seconds, and of {MOST_YEARS} years at most")


def _insert(tx: Transaction, new: NewKey, text: str, by: Principal, subject: str = "") -> Key:
    there = tx.connection.execute(select(func.count()).where(_is_usable(tx.now))).scalar_one()
    if there >= MOST_KEYS:
        raise Problem(409, f"there are {MOST_KEYS} keys that can be used, and no more may be: revoke some")
    key_id = uuid.uuid4().hex[:12]
    row: dict[str, Any] = {
        "id": key_id,
        "subject": subject or f"{OF_KEYS}{key_id}",
        "name": new.name,
        "prefix": prefix_of(text),
        "hash": hash_of(text),
        "scopes": ",".join(sorted(set(new.scopes))),
        "models": None if new.models is None else ",".join(sorted(set(new.models))),
        "created_at": tx.now,
        "created_by": by.id,
        "expires_at": new.expires_at,
        **asdict(new.quotas),
    }
    tx.connection.execute(insert(keys).values(row))
    tx.touched.add(CHANGED)
    return _find(tx.connection, key_id)


def _change(tx: Transaction, key_id: str, **values: Any) -> None:
    tx.connection.execute(update(keys).where(keys.c.id == key_id).values(values))
    tx.touched.add(CHANGED)


def _is_usable(now: float) -> ColumnElement[bool]:
    return keys.c.revoked_at.is_(None) & or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)


def _usable(connection: Connection) -> list[tuple[bytes, Key]]:
    rows = connection.execute(select(keys).where(keys.c.revoked_at.is_(None))).mappings()
    return [(row["hash"], _key_of(dict(row))) for row in rows]


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> list[Key]:
    query = select(keys).where(*conditions).order_by(keys.c.created_at.desc(), keys.c.id)
    return [_key_of(dict(row)) for row in connection.execute(query).mappings()]


def _find(connection: Connection, which: str) -> Key:
    """The key of this id or prefix; by a name, the one that was not revoked."""
    found = _read(connection, or_(keys.c.id == which, keys.c.prefix == which))
    if not found:
        found = _read(connection, keys.c.name == which)
        found = [key for key in found if key.revoked_at is None] or found
    if not found:
        raise Problem(404, f"there is no key {which[:MAX_NAME]!r}")
    if len(found) > 1:
        ids = ", ".join(f"{key.id} ({key.prefix}…)" for key in found[:10])
        raise Problem(409, f"several keys are called {which[:MAX_NAME]!r}; name one by its id: {ids}")
    return found[0]


def _key_of(row: dict[str, Any]) -> Key:
    del row["hash"]
    granted = row["scopes"].split(",")  # perhaps by a later version, with more than there is here
    row["scopes"] = [scope for scope in GRANTED if scope in granted]
    row["models"] = None if row["models"] is None else row["models"].split(",")
    quotas = OwnQuotas(**{one.name: row.pop(one.name) for one in fields(OwnQuotas)})
    return Key(**row, quotas=quotas)
