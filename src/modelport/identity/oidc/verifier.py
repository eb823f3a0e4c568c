"""Tokens of one issuer, verified: the signature first, then each claim (RFC 7519, 8725, 9068).

What is sent to be taken for something that it is not, and what answers it:

- *No signature, or one by a public key taken for a secret.* The algorithm must be one of the settings, which
  can name those with pairs of keys alone, and the key one of that family (`signing_keys`).
- *A key that the token brings or leads to* (`jwk`, `jku`, `x5u`, `x5c`), *or a path or a query for its id.*
  None of the former is read; the id is compared with those of the issuer's keys, and nothing else.
- *An extension that must be understood* (`crit`). None is, so the token is refused.
- *Another kind of token*: one for logging out, an event, an encrypted or a nested one. `typ` and `cty` tell
  those, and the claim `events`.
- *A token for somebody else, too old, too new.* `iss` must be the issuer's name to the letter, `aud` one of
  ours or a list that has one; `exp` must be there; `nbf` and `iat` must not be ahead, but for
  `LEEWAY_SECONDS`.
- *Two readings of one text.* Members that are there twice, numbers that are none, and dates as texts are
  refused.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any, NamedTuple, cast

import jwt

from modelport.identity.named_limits import NamedLimits
from modelport.identity.oidc.claims import Grants, principal_of
from modelport.identity.oidc.issuer import Issuer
from modelport.identity.tokens import Claims, InvalidToken, Verified, unverified

LEEWAY_SECONDS = 30.0
AGAIN_SECONDS = 300.0  # after which a token is verified anew
LAST_SECOND = 1e12  # of any time that is one
MAX_KEY_ID = 256
ACCESS_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
ID_TYPES = frozenset({"jwt", "application/jwt"})


class Rules(NamedTuple):
    """What tokens must be: meant for one of `audiences`, signed by one of `algorithms`. What they `grant`,
    and what their subjects may use.
    """

    audiences: frozenset[str]
    algorithms: frozenset[str]
    grants: Grants
    limits: NamedLimits | None = None


class OidcVerifier:
    """Verifies the tokens of an issuer. `clock` tells the seconds of the epoch."""

    def __init__(self, issuer: Issuer, rules: Rules, clock: Callable[[], float] = time):
        self.issuer = issuer
        self.rules = rules
        self._clock = clock

    def knows(self, header: Claims, claims: Claims) -> bool:
        """Whether a token says that it is of this issuer."""
        return claims.get("iss") == self.issuer.name

    async def verify(self, token: str) -> Verified:
        """Who sends an access token. Raises `InvalidToken`, `VerifierUnavailable`."""
        claims = await self._signed(token, ACCESS_TYPES)
        ends = self._check(claims, self.rules.audiences)
        principal = principal_of(self.issuer.name, claims, self.rules.grants, self.rules.limits)
        return Verified(principal, min(ends, self._clock() + AGAIN_SECONDS))

    async def verify_id_token(self, token: str, client_id: str, nonce: str) -> Claims:
        """The claims of the ID token of who logs in (OpenID Connect Core, 3.1.3.7). Raises as `verify`."""
        claims = await self._signed(token, ID_TYPES)
        self._check(claims, frozenset({client_id}))
        party = claims.get("azp")
        if party != client_id and (party is not None or len(_listed(claims["aud"])) > 1):
            raise InvalidToken("it was issued to somebody else")
        if claims.get("nonce") != nonce:
            raise InvalidToken("it is of another log-in")
        return claims

    async def _signed(self, token: str, types: frozenset[str]) -> Claims:
        """What a token says, once its signature is verified."""
        header, claims = unverified(token)
        algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self.rules.algorithms:
            raise InvalidToken("it is signed in a way that is not taken here")
        if "crit" in header or "b64" in header or "cty" in header or "enc" in header or "zip" in header:
            raise InvalidToken("its header asks for what is not done here")
        if not isinstance(kind, str) or kind.lower() not in types:
            raise InvalidToken("it is a token for something else")
        if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID)):
            raise InvalidToken("it is signed by no key of its issuer")
        key = await self.issuer.key(key_id, algorithm)
        try:
            jwt.api_jws.decode(token, key, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise InvalidToken("its signature is wrong") from None
        return claims

    def _check(self, claims: Claims, audiences: frozenset[str]) -> float:
        """Raise `InvalidToken` for claims that are not for now and for us; returns when they end to be."""
        now = self._clock()
        ends = _time_in(claims, "exp")
        if ends is None or ends + LEEWAY_SECONDS <= now:
            raise InvalidToken("it has expired")
        for name in ("nbf", "iat"):
            begins = _time_in(claims, name)
            if begins is not None and begins - LEEWAY_SECONDS > now:
                raise InvalidToken("it is not valid yet")
        if claims.get("iss") != self.issuer.name:
            raise InvalidToken("its issuer is none that this server knows")
        if not audiences.intersection(_listed(claims.get("aud"))):
            raise InvalidToken("it is meant for somebody else")
        if "events" in claims:
            raise InvalidToken("it is a token for something else")
        return ends + LEEWAY_SECONDS


def _time_in(claims: Claims, name: str) -> float | None:
    """Seconds of the epoch; `None` where there is no such claim."""
    found = claims.get(name)
    if name not in claims:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not abs(found) < LAST_SECOND:
        raise InvalidToken(f"its {name} is no time")
    return float(found)


def _listed(audience: Any) -> list[str]:
    """The texts of an `aud`, which is a text or a list of them; of anything else, none."""
    found = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
    return (
        [one for one in found if isinstance(one, str)] if all(isinstance(one, str) for one in found) else []
    )
