"""The tokens of users: JWTs (RFC 7519, 9068) that this server and those of its database sign and verify.

What can go wrong, and what answers it:

- *A token says how it is to be verified* (`alg` none, or the public key taken for a secret of HMAC): EdDSA
  alone is verified, with a public key of ours that can do nothing else.
- *A token of one use is sent for another.* What a page has in its cookie and what programs send differ in
  `typ` and `aud`, and each verifier takes its own. An `iss` of ours is nobody else's.
- *What it says holds no longer.* It says who somebody is and by which session, and nothing of what they may
  do: that is read from the database, where a session that has ended is gone. What was read is remembered (by
  `tokens`) until something is taken from any user, which each server looks for every second.
- *The database goes away.* What is remembered goes on for `MAX_AGE_SECONDS`; what is not is answered 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import uuid4

from modelport.identity import sessions
from modelport.identity.known_keys import MAX_AGE_SECONDS
from modelport.identity.named_limits import NamedLimits
from modelport.identity.open_answers import OpenAnswers
from modelport.identity.sessions import Session
from modelport.identity.signing_keys import SigningKey, VerifyingKeys
from modelport.identity.tokens import Claims, InvalidToken, Tokens, Verified
from modelport.identity.users import CHANGED, UserStore
from modelport.storage.database import Database
from modelport.storage.errors import NO_ANSWER, StoreError

if TYPE_CHECKING:
    from modelport.storage.service import Storage

log = logging.getLogger("modelport.identity")

ISSUER = "urn:modelport:users"
ALGORITHM = "EdDSA"
TOKEN_SECONDS = 900.0
ANSWERS_SECONDS = 60.0  # how often it is looked whether sessions with open answers have reached their end
MOST_SECONDS = 30.0  # that a look may take: a network that is cut says nothing
LEEWAY_SECONDS = 10  # by which the clocks of two servers may differ
REQUIRED = ["exp", "nbf", "iat", "iss", "aud", "sub", "sid", "jti"]
NOT_OURS = "it is none of this server's, or has expired"
LOGGED_OUT = "its session has ended, or its user may come in no more"


class Use(NamedTuple):
    """What a token is for, which its header and its claims say."""

    type: str
    audience: str


ACCESS = Use("at+jwt", "modelport")
PAGE = Use("session+jwt", "modelport-page")


def token_of(session: Session, key: SigningKey, now: float) -> tuple[str, float]:
    """A token of a session, and when it expires: with the session, where that is a page's; else soon."""
    import jwt

    use = PAGE if session.is_page else ACCESS
    expires_at = session.expires_at if session.is_page else min(now + TOKEN_SECONDS, session.expires_at)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": use.audience,
        "sub": session.user.principal.id,
        "sid": session.id,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(expires_at),
        "jti": uuid4().hex,
    }
    headers = {"kid": key.id, "typ": use.type}
    return jwt.encode(claims, key.signer, ALGORITHM, headers), float(claims["exp"])


class UserTokens:
    """Verifies tokens of one use. A `Verifier`. Users may use what `limits` say of them and their roles."""

    def __init__(self, use: Use, storage: Storage, keys: VerifyingKeys, limits: NamedLimits):
        self._use = use
        self._storage = storage
        self._keys = keys
        self._limits = limits

    def knows(self, header: Claims, claims: Claims) -> bool:
        """Whether it says that it is one of ours."""
        return claims.get("iss") == ISSUER

    async def verify(self, token: str) -> Verified:
        """Who sends a token. Raises `InvalidToken`, and the store's errors."""
        database = self._storage.database
        claims = await signed_claims(token, self._use, ISSUER, self._keys, database)
        session = await sessions.find(database, str(claims["sid"]))
        if session is None or session.user.principal.id != claims["sub"]:
            raise InvalidToken(LOGGED_OUT)
        user = session.user
        quotas = self._limits.of_user(user.name, user.role)
        principal = replace(user.principal, session=session.id, quotas=quotas)
        return Verified(principal, min(float(claims["exp"]), session.expires_at))


async def signed_claims(
    token: str, use: Use, issuer: str, keys: VerifyingKeys, database: Database
) -> dict[str, Any]:
    """What a token of ours says, once it is verified. Raises `InvalidToken`, and the store's errors."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        named = header.get("kid")
        if header.get("typ") != use.type or header.get("alg") != ALGORITHM or not _is_id(named):
            raise InvalidToken(NOT_OURS)
        key = await keys.find(cast("str", named), database)
        if key is None:
            raise InvalidToken(NOT_OURS)
        return jwt.decode(
            token,
            key,
            [ALGORITHM],
            {"require": REQUIRED},
            audience=use.audience,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
        )
    except jwt.InvalidTokenError:
        raise InvalidToken(NOT_OURS) from None


class Watch:
    """Looks every second whether something was taken from a user, and has it forgotten who they are then.

    Answers that are under way to sessions which have ended are ended, too. What else is to be written `then`
    is done beside.
    """

    def __init__(self, remembered: tuple[Tokens, ...], then: Callable[[], Awaitable[None]]):
        self._remembered = remembered
        self._then = then
        self._number: int | None = None
        self._read_at = monotonic()
        self._looked_at = monotonic()  # at the sessions of open answers
        self.open_answers = OpenAnswers()

    async def run(self, database: Database) -> None:
        """Look until this is cancelled."""
        store = UserStore(database)
        async with database.changes.subscribe(CHANGED) as changed:
            while True:
                changed.clear()
                await self._look(store, database)
                await self._do_then()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(database.poll_seconds):
                        await changed.wait()

    async def _look(self, store: UserStore, database: Database) -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                number = await store.stamp()
                await self._end_answers(database, changed=number != self._number)
        except (StoreError, TimeoutError) as error:
            log.warning("it cannot be read now who may come in: %s", str(error) or NO_ANSWER)
        except Exception:  # a bug: what is remembered grows old, and is forgotten; never for ever
            log.exception("it could not be read who may come in")
        else:
            self._read_at = monotonic()
            if number != self._number:
                self._number = number
                self._forget()
        if monotonic() - self._read_at > MAX_AGE_SECONDS:
            self._forget()
            self.open_answers.end_all_but((), self.open_answers.look())

    async def _end_answers(self, database: Database, *, changed: bool) -> None:
        """End what is still being sent to sessions that have ended."""
        answers = self.open_answers
        is_due = monotonic() - self._looked_at > ANSWERS_SECONDS
        if not (changed or is_due or answers.is_new):
            return
        asked = answers.look()
        try:
            standing = await sessions.still_there(database, asked) if asked else ()
        except BaseException:
            answers.is_new = True  # it is to be looked again
            raise
        self._looked_at = monotonic()
        answers.end_all_but(standing, asked)

    async def _do_then(self) -> None:
        try:
            await self._then()
        except StoreError as error:
            log.warning("it cannot be noted now who tries passwords: %s", error)

    def _forget(self) -> None:
        for tokens in self._remembered:
            tokens.forget()


def _is_id(named: object) -> bool:
    return isinstance(named, str) and len(named) == 32 and named.isalnum()
