"""What a browser keeps of a log-in that it has begun."""

from __future__ import annotations

import secrets
from typing import NamedTuple


class LoginFailed(Exception):
    """Somebody has not logged in, and why."""


class Attempt(NamedTuple):
    """What a browser keeps from when it is sent to the issuer until it comes back."""

    state: str
    nonce: str
    verifier: str


def new_attempt() -> Attempt:
    """One with 256 random bits in each of its parts."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32))
