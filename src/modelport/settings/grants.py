"""Who gets which scopes, as settings say it: `CLAIM:VALUE` → `predict read on iris churn`.

A claim is a member of a token, or a path of members with dots between (`realm_access.roles`); `*` alone is
everybody. The first colon that no two slashes follow ends it: claims may be called by URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

SCOPES = ("predict", "train", "read", "promote", "admin")  # those of `identity.principals.GRANTED`
EVERYBODY = "*"
CLAIM = re.compile(r"(?P<claim>.+?):(?!//)(?P<value>.+)", re.DOTALL)
ON = "on"
NO_GRANT = "grants nothing that there is; write scopes, and models if it is not for all: predict read on iris"
NO_CLAIM = f"names no claim and value; write for example groups:scientists, or {EVERYBODY} for everybody"


class Granted(NamedTuple):
    """Scopes with models, `None` for all of them."""

    scopes: tuple[str, ...]
    models: tuple[str, ...] | None


class ClaimValue(NamedTuple):
    """A value that a claim of a token has, or one of those that it lists."""

    claim: str
    value: str


def granted_of(text: str) -> Granted:
    """Read `predict read on iris churn`. Raises `ValueError`."""
    words = text.split()
    end = words.index(ON) if ON in words else len(words)
    scopes, models = words[:end], words[end + 1 :]
    if not scopes or any(scope not in SCOPES for scope in scopes) or (end < len(words) and not models):
        raise ValueError(f"{text!r} {NO_GRANT}; scopes are {', '.join(SCOPES)}")
    return Granted(tuple(scopes), tuple(models) if models else None)


def claim_of(text: str) -> ClaimValue | None:
    """Read `CLAIM:VALUE`; `None` is everybody. Raises `ValueError`."""
    if text == EVERYBODY:
        return None
    found = CLAIM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} {NO_CLAIM}")
    return ClaimValue(found["claim"], found["value"])


def wrong_grants(table: Mapping[str, str]) -> str:
    """What is wrong with a table of claims and what they grant; nothing if it can be used."""
    try:
        for claim, granted in table.items():
            claim_of(claim)
            granted_of(granted)
    except ValueError as error:
        return f"cannot be used: {error}"
    return ""


def wrong_grant(text: str) -> str:
    """What is wrong with what is granted; nothing if it can be used."""
    try:
        granted_of(text)
    except ValueError as error:
        return f"cannot be used: {error}"
    return ""
