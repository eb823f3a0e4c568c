"""Bearer tokens that are no keys: who may verify them, and those that were verified.

A token is a JWT with a signature (RFC 7519, 7515). What can go wrong, and what answers it:

- *Somebody sends what costs much to read.* A token has `MAX_TOKEN` characters at most, and that is looked at
  before anything else; three parts of base64url, whose first two are JSON objects without a member twice,
  since two readers could read two different tokens out of one with.
- *What is read before the signature was looked at is believed.* It is used for one thing: to find who may
  verify it. A verifier decides for itself with what key, and reads what it believes out of what it verified.
- *Verifying costs the hot path.* A verified token is remembered as it was sent until it expires, so that the
  next request costs a look-up; no more than `MOST_TOKENS` of `MOST_BYTES`, the oldest go first. Nothing is
  remembered of a token that was refused.
- *What was verified holds no longer.* The verifier that said so calls `forget`. What was being verified just
  then is not remembered.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time
from typing import Any, NamedTuple, Protocol, cast

from modelport.identity.principals import Principal

MAX_TOKEN = 16 << 10  # characters
MOST_TOKENS = 4096
MOST_BYTES = 4096  # of a credential that is remembered
FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
Claims = Mapping[str, Any]


class InvalidToken(Exception):
    """A token that proves nothing, with words that repeat nothing of it."""


class VerifierUnavailable(Exception):
    """It cannot be told now whether a token is valid, and why."""


class Verified(NamedTuple):
    """Who sends a token, until `expires_at` (seconds of the epoch)."""

    principal: Principal
    expires_at: float


class Verifier(Protocol):
    """Verifies the tokens of one issuer."""

    def knows(self, header: Claims, claims: Claims) -> bool:
        """Whether a token is for this verifier, by what nobody has verified: by its `iss`."""
        ...

    async def verify(self, token: str) -> Verified:
        """Who sends a token. Raises `InvalidToken`, and `VerifierUnavailable` or the store's errors."""
        ...


class Tokens:
    """The `verifiers` of a server, and what they have verified. `clock` tells the seconds of the epoch."""

    def __init__(self, clock: Callable[[], float] = time):
        self.verifiers: list[Verifier] = []
        self._clock = clock
        self._remembered: dict[bytes, Verified] = {}
        self._forgotten = 0  # times

    def known(self, sent: bytes) -> Principal | None:
        """Who sends a token, as it was sent, if that was verified and holds."""
        found = self._remembered.get(sent)
        if found is None:
            return None
        if found.expires_at <= self._clock():
            del self._remembered[sent]
            return None
        return found.principal

    async def find(self, token: str, sent: bytes) -> Principal:
        """Who sends a token, that was `sent` so.

        Raises `InvalidToken`, and `VerifierUnavailable` or the store's errors if that cannot be told now.
        """
        header, claims = unverified(token)
        verifier = next((one for one in self.verifiers if one.knows(header, claims)), None)
        if verifier is None:
            raise InvalidToken("its issuer is none that this server knows")
        forgotten = self._forgotten
        principal, expires_at = await verifier.verify(token)
        verified = Verified(replace(principal, expires_at=expires_at), expires_at)
        if verified.expires_at <= self._clock():
            raise InvalidToken("it has expired")
        if len(sent) <= MOST_BYTES and forgotten == self._forgotten:
            if len(self._remembered) >= MOST_TOKENS:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[sent] = verified
        return verified.principal

    def forget(self, principal_id: str | None = None) -> None:
        """Verify the tokens of a principal anew, or those of all."""
        self._forgotten += 1
        kept = {} if principal_id is None else self._remembered
        self._remembered = {sent: one for sent, one in kept.items() if one.principal.id != principal_id}


def unverified(token: str) -> tuple[Claims, Claims]:
    """The header and the claims of a token, whoever has made it. Raises `InvalidToken`."""
    if len(token) > MAX_TOKEN:
        raise InvalidToken(f"it has more than {MAX_TOKEN} characters")
    if FORM.fullmatch(token) is None:
        raise InvalidToken("it is no signed JWT")
    header, claims, _ = token.split(".")
    return _object_in(header), _object_in(claims)


def _object_in(part: str) -> Claims:
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True).decode()
        found = json.loads(text, object_pairs_hook=_no_member_twice, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidToken("it is no signed JWT") from None
    if not isinstance(found, dict):
        raise InvalidToken("it is no signed JWT")
    return cast("Claims", found)


def _no_member_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
