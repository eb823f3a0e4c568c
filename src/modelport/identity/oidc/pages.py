"""Sessions of pages whose users have logged in at an issuer.

The cookie has a token that this server signs, with who it is and what they may do: their claims are not
looked at again. So such a session ends when the settings say otherwise what claims allow (`rules`), and with
its row among the sessions, which logging out removes. What a token is not, `user_tokens` tells.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import msgspec
from sqlalchemy import insert, select

from modelport.identity import audit
from modelport.identity.granting import principal_with
from modelport.identity.named_limits import NamedLimits
from modelport.identity.oidc.claims import subject_in
from modelport.identity.principals import AccessScope, Grant, Principal
from modelport.identity.sessions import PAGE_SECONDS, leave_room
from modelport.identity.signing_keys import VerifyingKeys, signing_key
from modelport.identity.tokens import Claims, InvalidToken, Verified
from modelport.identity.user_tokens import ALGORITHM, PAGE, signed_claims
from modelport.settings import Settings
from modelport.settings.named_limits import OIDC
from modelport.storage.database import Database
from modelport.storage.schema.users import sessions
from modelport.storage.writer import Transaction

if TYPE_CHECKING:
    from modelport.storage.service import Storage

ISSUER = "urn:modelport:oidc"
LOGGED_OUT = "it is none of this server's, has expired, or its session has ended"


class PageSession(NamedTuple):
    """The token of a page that is logged in, until `expires_at` (seconds of the epoch)."""

    token: str
    expires_at: float


def rules_of(settings: Settings) -> str:
    """What stands for all that decides what somebody may do by their claims."""
    told = (settings.oidc_issuer, sorted(settings.oidc_scopes.items()))
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32]


async def begin(database: Database, who: Principal, rules: str, address: str) -> PageSession:
    """Log somebody in at a page. Raises the store's errors."""

    def write(tx: Transaction) -> PageSession:
        leave_room(tx, who.id)
        expires_at = tx.now + PAGE_SECONDS
        row = {"id": uuid.uuid4().hex, "user_id": who.id, "created_at": tx.now, "expires_at": expires_at}
        tx.connection.execute(insert(sessions).values(**row, address=address))
        audit.note(tx, who, "users.login", who.id, name=who.name, page=True)
        key = signing_key(tx)
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": PAGE.audience,
            "sub": who.id,
            "sid": row["id"],
            "iat": int(tx.now),
            "nbf": int(tx.now),
            "exp": int(expires_at),
            "jti": uuid.uuid4().hex,
            "name": who.name,
            "rules": rules,
            "grants": [[sorted(grant.scopes), _listed(grant)] for grant in who.grants],
        }
        headers = {"kid": key.id, "typ": PAGE.type}
        return PageSession(jwt.encode(claims, key.signer, ALGORITHM, headers), expires_at)

    return await database.write(write)


class PageTokens:
    """Verifies the tokens of such sessions. A `Verifier`."""

    def __init__(self, storage: Storage, keys: VerifyingKeys, rules: str, limits: NamedLimits):
        self._storage = storage
        self._keys = keys
        self._rules = rules
        self._limits = limits

    def knows(self, header: Claims, claims: Claims) -> bool:
        """Whether it says that it is one of ours."""
        return claims.get("iss") == ISSUER

    async def verify(self, token: str) -> Verified:
        """Who sends a token. Raises `InvalidToken`, and the store's errors."""
        database = self._storage.database
        claims = await signed_claims(token, PAGE, ISSUER, self._keys, database)
        query = select(sessions.c.expires_at).where(
            sessions.c.id == claims["sid"], sessions.c.user_id == claims["sub"]
        )
        expires_at = await database.read(lambda one: one.execute(query).scalar_one_or_none())
        if expires_at is None or claims.get("rules") != self._rules:
            raise InvalidToken(LOGGED_OUT)
        grants = [
            Grant(frozenset(map(AccessScope, scopes)), None if models is None else frozenset(models))
            for scopes, models in claims["grants"]
        ]
        quotas = self._limits.of_subject(OIDC, subject_in(claims["sub"]))
        principal = principal_with(claims["sub"], claims["name"], grants, quotas)
        ends = min(float(claims["exp"]), expires_at)
        return Verified(replace(principal, expires_at=ends, session=claims["sid"]), ends)


def _listed(grant: Grant) -> list[str] | None:
    return None if grant.models is None else sorted(grant.models)
