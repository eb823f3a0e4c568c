"""The keys by which an issuer signs, as a JSON Web Key Set has them (RFC 7517): public ones that sign.

A key is chosen by its id and by what it is, never by what a token says of it: a key of one family verifies
no algorithm of another, so that an RSA key is never taken for the secret of an HMAC; keys for encryption,
secret keys, short keys and those on another curve verify nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

log = logging.getLogger("modelport.identity")

MOST_KEYS = 100
MAX_ID = 256
RSA_BITS = range(2048, 8193)
CURVES = {"ES256": ("P-256",), "ES384": ("P-384",), "ES512": ("P-521",), "EdDSA": ("Ed25519", "Ed448")}
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class SigningKey(NamedTuple):
    """A key, its id if it has one, and the algorithms that it may verify."""

    id: str | None
    algorithms: frozenset[str]
    key: Any


class SigningKeys:
    """The keys of an issuer of which a server can use each. `document` is what the issuer publishes."""

    def __init__(self, document: Mapping[str, Any], algorithms: frozenset[str]):
        listed = document.get("keys")
        listed = cast("list[Any]", listed) if isinstance(listed, list) else []
        found = (_key_of(one, algorithms) for one in listed[:MOST_KEYS])
        self.keys = [one for one in found if one is not None]

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The one key of this id that verifies the algorithm, and without an id the only one; else `None`."""
        found = [one for one in self.keys if key_id in (one.id, None) and algorithm in one.algorithms]
        return found[0].key if len(found) == 1 else None

    def is_same(self, other: SigningKeys) -> bool:
        """Whether these are the same keys."""
        return self._told == other._told

    @property
    def _told(self) -> set[tuple[Any, ...]]:
        return {(one.id, one.algorithms, _bytes_of(one.key)) for one in self.keys}


def _key_of(jwk: Any, algorithms: frozenset[str]) -> SigningKey | None:
    """A key that may verify some of the algorithms; `None` for any other."""
    if not isinstance(jwk, dict):
        return None
    known = cast("dict[str, Any]", jwk)
    key_id = known.get("kid")
    if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= MAX_ID)):
        return None
    if known.get("use", "sig") != "sig" or "verify" not in known.get("key_ops", ["verify"]):
        return None
    usable = frozenset(one for one in algorithms if _fits(known, one))
    if not usable or PRIVATE & known.keys():
        return None
    try:
        key: Any = jwt.PyJWK(known, algorithm=next(iter(usable))).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        log.warning("a key of the issuer cannot be read: %s", type(error).__name__)
        return None
    if isinstance(key, RSAPublicKey) and key.key_size not in RSA_BITS:
        log.warning("a key of the issuer has %d bits, and cannot be used", key.key_size)
        return None
    return SigningKey(key_id, usable, key)


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is one for this algorithm, by its family, its curve and what it says itself."""
    if jwk.get("alg", algorithm) != algorithm:
        return False
    if algorithm[:2] in ("RS", "PS"):
        return jwk.get("kty") == "RSA"
    family = "OKP" if algorithm == "EdDSA" else "EC"
    return jwk.get("kty") == family and jwk.get("crv") in CURVES[algorithm]


def _bytes_of(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
