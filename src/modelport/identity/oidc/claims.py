"""Who somebody is, and what they may do, by the claims of a token that was verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from modelport.identity.granting import merged, principal_with
from modelport.identity.named_limits import NamedLimits
from modelport.identity.principals import Grant, Principal
from modelport.identity.tokens import Claims, InvalidToken
from modelport.settings.grants import ClaimValue, claim_of, granted_of
from modelport.settings.named_limits import OIDC

NAMES = ("preferred_username", "email", "name")  # the first of them is what somebody is called
MAX_NAME = 200
MAX_SUBJECT = 255  # OpenID Connect Core, 2
LISTS_OF_WORDS = ("scope", "scp")  # texts that are lists (RFC 8693, 4.2)
PREFIX = "oidc:"  # begins the id of who was named by an issuer


class Grants:
    """What claims grant, by the table of a setting. Raises `ValueError`."""

    def __init__(self, table: Mapping[str, str]):
        self._rows = [(claim_of(claim), granted_of(granted)) for claim, granted in table.items()]

    def of(self, claims: Claims) -> list[Grant]:
        """What these claims grant: for all models first, and then for some."""
        return merged(granted for claim, granted in self._rows if claim is None or _has(claims, claim))


def principal_of(issuer: str, claims: Claims, grants: Grants, limits: NamedLimits | None = None) -> Principal:
    """Who was named by an issuer: the same whatever token they send. Raises `InvalidToken`."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise InvalidToken("it names no subject")
    told = (claims.get(name) for name in NAMES)
    names = [name for name in told if isinstance(name, str) and name.strip() and name.isprintable()]
    name = (names or [subject])[0][:MAX_NAME]
    quotas = limits.of_subject(OIDC, subject) if limits is not None else None
    return principal_with(f"{PREFIX}{issuer}#{subject}", name, grants.of(claims), quotas)


def subject_in(principal_id: str) -> str:
    """The subject in the id of who was named by an issuer, whose name has no fragment."""
    return principal_id.partition("#")[2]


def _has(claims: Claims, wanted: ClaimValue) -> bool:
    found = _found(claims, wanted.claim)
    if isinstance(found, str) and wanted.claim in LISTS_OF_WORDS:
        found = found.split()
    values = cast("list[Any]", found) if isinstance(found, list) else [found]
    return any(_text_of(value) == wanted.value for value in values)


def _found(claims: Claims, path: str) -> Any:
    """The claim of this name, or else at this path; `None` if there is none."""
    if path in claims:
        return claims[path]
    here: Any = claims
    for name in path.split("."):
        if not isinstance(here, dict):
            return None
        here = cast("dict[str, Any]", here).get(name)
    return here


def _text_of(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None
