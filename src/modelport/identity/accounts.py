"""Logging in, going on, and changing a password: what people do with their own accounts.

What can go wrong, and what answers it:

- *An answer tells whether there is such a user.* A name that there is not, one that may not come in and a
  wrong password take as long, count alike, and are answered alike.
- *A password is changed, or its user disabled, while it is checked.* The session is made, and a new password
  kept, in a transaction that looks again at what was compared.
- *Somebody sends refresh tokens that are none.* They are looked up by who reads, and never wait among what is
  written.
- *One address sends many at once*, and nobody else's turn comes: of strangers there a few wait, and no more.
- *Somebody who sits down at a page that was left changes its password.* The old one is needed for that, and
  counts as an attempt like any other.
- *Who tries passwords fills the audit.* It has the first attempt that was slowed down, of a user that there
  is, and then no more of them until the address was forgotten.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from modelport.identity import audit, first_link, sessions
from modelport.identity.login_attempts import FREE, LoginAttempts
from modelport.identity.passwords import MOST, Passwords, check_new
from modelport.identity.principals import Principal
from modelport.identity.sessions import Renewed, Reused, Session
from modelport.identity.signing_keys import signing_key
from modelport.identity.user_tokens import token_of
from modelport.identity.users import Change, NewUser, User, UserStore, user_of
from modelport.problems import Problem
from modelport.security.hosts import near_address
from modelport.settings.named_limits import folded
from modelport.storage.database import Database
from modelport.storage.schema.users import user_addresses, users
from modelport.storage.upserts import insert_into
from modelport.storage.writer import Transaction

log = logging.getLogger("modelport.identity")

WRONG = "the name or the password is wrong"
WORTHLESS = "the refresh token is not valid: it was used, has expired, or its session has ended; log in again"
FAMILIAR_SECONDS = 90 * 86400.0
MOST_OF_STRANGERS = 4  # passwords that are checked, or wait for it, for those who are strange to an address
MOST_SLOWED = 100  # that wait to be told to the audit


class LoggedIn(NamedTuple):
    """A session with its token, which holds until `expires_at`; no `refresh` token for a page."""

    session: Session
    token: str
    expires_at: float
    refresh: str


class _Kept(NamedTuple):
    """A user that there is, what is kept of the password, and whether the address is one of theirs."""

    user: User
    password: str | None
    is_familiar: bool


class Accounts:
    """One for a server. Every method raises the store's errors, and `Problem`.

    `database` gives the database, or raises `StoreUnavailable` with the reason if there is none.
    """

    def __init__(self, database: Callable[[], Database]):
        self._database = database
        self.passwords = Passwords()
        self.attempts = LoginAttempts()
        self._being_checked = Counter[str]()  # by their address
        self._slowed: deque[tuple[User, str]] = deque(maxlen=MOST_SLOWED)

    @property
    def database(self) -> Database:
        """The database. Raises `StoreUnavailable` with the reason if this server has none."""
        return self._database()

    @property
    def users(self) -> UserStore:
        """The users. Raises `StoreUnavailable` with the reason if this server has no database."""
        return UserStore(self.database)

    async def log_in(self, name: str, password: str, address: str, *, is_page: bool) -> LoggedIn:
        """Log somebody in, from an address. 401 if they may not come in, 429 if they must wait."""
        kept = await self._checked(name, password, address)
        place = _place(kept.user.id, address)

        def write(tx: Transaction) -> LoggedIn | None:
            mine = users.c.id == kept.user.id
            row = tx.connection.execute(select(users).where(mine)).mappings().one_or_none()
            if row is None or row["password"] != kept.password or row["disabled_at"] is not None:
                return None
            user = user_of(dict(row))
            tx.connection.execute(update(users).where(mine).values(last_login_at=tx.now))
            _remember(tx, user.id, place)
            audit.note(tx, user.principal, "users.login", user.id, name=user.name, page=is_page)
            session, refresh = sessions.begin(tx, user, address, is_page=is_page)
            return LoggedIn(session, *token_of(session, signing_key(tx), tx.now), refresh)

        found = await self.database.write(write)
        if found is None:
            raise Problem(401, WRONG)
        return found

    async def go_on(self, refresh: str) -> LoggedIn:
        """Another token, and the refresh token that is to be used next. 401 for one that cannot be used."""

        def write(tx: Transaction) -> LoggedIn | Reused | None:
            found = sessions.renew(tx, refresh)
            if not isinstance(found, Renewed):
                return found
            return LoggedIn(found.session, *token_of(found.session, signing_key(tx), tx.now), found.refresh)

        is_known = await sessions.is_known(self.database, refresh)
        found = await self.database.write(write) if is_known else None
        if isinstance(found, LoggedIn):
            return found
        if found is not None:
            log.warning("a refresh token of %s was used twice: the session has ended", found.user.name)
        raise Problem(401, WORTHLESS)

    async def change_password(self, by: Principal, old: str, new: str, address: str) -> None:
        """Change one's own password, by the old one; every session of theirs ends. 403 if that is wrong."""
        user = await self.users.find(by.id)
        check_new(new, user.name)
        try:
            kept = await self._checked(user.name, old, address)
        except Problem as problem:
            if problem.status != 401:
                raise
            raise Problem(403, "old: this is not your password") from None
        change = Change(password=await self.passwords.hash(new), was=kept.password)
        await self.users.change(user.id, change, by)

    async def kept(self, password: str | None, name: str) -> str | None:
        """What is kept of a new password of a user. 422 for one that nobody should have."""
        if password is None:
            return None
        check_new(password, name)
        return await self.passwords.hash(password)

    async def create(self, new: NewUser, by: Principal) -> User:
        """Make a user, whose `password` is here as it was typed."""
        kept = await self.kept(new.password, new.name)
        made = NewUser(name=new.name, password=kept, role=new.role, models=new.models)
        return await self.users.create(made, by)

    async def create_first(self, token: str, name: str, password: str) -> User:
        """Make the first administrator, by the token of a link. 403 for one that cannot be used."""
        if not await first_link.is_good(self.database, token):
            raise Problem(403, first_link.WORTHLESS)
        check_new(password, name)
        return await first_link.use(self.database, token, name, await self.passwords.hash(password))

    async def tell_slowed(self) -> None:
        """Tell the audit who had to wait. Raises the store's errors."""
        while self._slowed:
            user, address = self._slowed.popleft()
            who = Principal("", "somebody who tries passwords", frozenset())
            details = {"name": user.name, "address": address}
            await audit.noted(self.database, who, "users.login_slowed", user.id, **details)

    async def _checked(self, name: str, password: str, address: str) -> _Kept:
        """The user who has this password."""
        if len(password) > MOST:  # nobody has it, and to count it would cost less than it takes from others
            raise Problem(401, WRONG)
        kept = await self._find(name, address)
        is_familiar = kept is not None and kept.is_familiar
        account = folded(name[:1000])
        near = near_address(address)
        is_crowd = not is_familiar and self._being_checked[near] >= MOST_OF_STRANGERS
        wait = 1.0 if is_crowd else self.attempts.begin(account, address, is_familiar=is_familiar)
        if wait:
            retry = [("Retry-After", str(int(wait) + 1))]
            raise Problem(429, "too many wrong passwords: wait, and try again", retry)
        may = kept is not None and kept.user.disabled_at is None
        self._being_checked[near] += 1
        try:
            is_right = await self.passwords.is_right(password, kept.password if kept is not None else None)
        except Problem:  # too many are being checked
            self.attempts.undone(account, address, is_familiar=is_familiar)
            raise
        finally:
            self._being_checked[near] -= 1
            if not self._being_checked[near]:
                del self._being_checked[near]
        if kept is not None and may and is_right:
            self.attempts.right(account, address, is_familiar=is_familiar)
            return kept
        if kept is not None and self.attempts.wrong(account, address) == FREE:
            self._slowed.append((kept.user, near_address(address)))
        raise Problem(401, WRONG)

    async def _find(self, name: str, address: str) -> _Kept | None:
        query = select(users).where(users.c.folded == folded(name[:1000]))

        def read(connection: Connection) -> _Kept | None:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            user = user_of(dict(row))
            place = user_addresses.c.address == _place(user.id, address)
            there = select(user_addresses.c.at).where(user_addresses.c.user_id == user.id, place)
            return _Kept(user, row["password"], connection.execute(there).first() is not None)

        return await self.database.read(read)


def _remember(tx: Transaction, user_id: str, place: bytes) -> None:
    """Note from where somebody has logged in, and forget where they have not for long."""
    old = (user_addresses.c.user_id == user_id) & (user_addresses.c.at < tx.now - FAMILIAR_SECONDS)
    tx.connection.execute(delete(user_addresses).where(old))
    row = {"user_id": user_id, "address": place, "at": tx.now}
    statement = insert_into(postgres=tx.postgres)(user_addresses).values(row)
    tx.connection.execute(
        statement.on_conflict_do_update(index_elements=["user_id", "address"], set_={"at": tx.now})
    )


def _place(user_id: str, address: str) -> bytes:
    return hashlib.sha256(f"{user_id} {near_address(address)}".encode()).digest()
