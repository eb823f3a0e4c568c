"""For receivers of modelport's webhooks: whether a message is genuine (Standard Webhooks, `v1`).

    from modelport.webhooks import verify

    event = verify(secret, request.headers, await request.body())

This module needs only Python's own library. Any other implementation of https://www.standardwebhooks.com
verifies the messages just as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64  # bytes, as the standard has it


class WebhookError(ValueError):
    """The message is not genuine, or too old to be believed; its text says which, for the receiver's log."""


def keys_of(secret: str) -> list[bytes]:
    """The keys of a secret `whsec_<base64>`, or of several separated by spaces, the newest first.

    Raises `ValueError` saying what is wrong; the message never holds the secret.
    """
    keys: list[bytes] = []
    for part in secret.split():
        try:
            key = base64.b64decode(part.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"the webhook secret is not {PREFIX} followed by base64") from None
        if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
            raise ValueError(
                f"the webhook secret holds {len(key)} bytes; it must be {SHORTEST_KEY} to {LONGEST_KEY}"
            )
        keys.append(key)
    if not keys:
        raise ValueError(f"the webhook secret is empty; it must be {PREFIX} followed by base64")
    return keys


def sign(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a message: one signature for each key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    tolerance: float = 300,
    now: float | None = None,
) -> dict[str, Any]:
    """The event in a message that was signed with `secret` at most `tolerance` seconds ago.

    `headers` may be any mapping of header names, in any case; `body` must be the bytes as they came.
    `now` is the time in seconds since the epoch, the system's by default. Raises `WebhookError` if the
    message is not genuine, and `ValueError` if the secret is none. The same message may come more than
    once: `webhook-id` tells.
    """
    keys = keys_of(secret)
    given = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, signature = (
        given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (message_id and stamp and signature):
        raise WebhookError("webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        raise WebhookError("webhook-timestamp is no number of seconds")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise WebhookError(f"webhook-timestamp is more than {tolerance:g} s away from this clock")
    expected = sign(keys, message_id, int(stamp), body).encode().split()
    # All are compared, so that the time taken says nothing about which of them came near.
    matches = [hmac.compare_digest(one, other.encode()) for one in expected for other in signature.split()]
    if not any(matches):
        raise WebhookError("no signature matches: another secret, or the message was changed on its way")
    try:
        event = json.loads(body)
    except ValueError:
        raise WebhookError("the body is no JSON") from None
    if not isinstance(event, dict):
        raise WebhookError("the body is no JSON object")
    return event  # pyright: ignore[reportUnknownVariableType]
