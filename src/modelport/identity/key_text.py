"""API keys as texts: `mpk_`, 256 random bits, and a checksum.

The checksum tells a key that was cut off or mistyped from one that is not known, without a look-up, and lets
scanners of published code be sure of what they have found. The prefix is what a key is recognised by in
lists: it says nothing of the rest.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable

MARK = "mpk_"
RANDOM_BYTES = 32
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_DIGITS, CHECK_DIGITS = 43, 6  # that 256 and 32 bits have in base 62
PREFIX_LENGTH = len(MARK) + 8
KEY = re.compile(rf"{MARK}[0-9A-Za-z]{{{RANDOM_DIGITS + CHECK_DIGITS}}}")


def new_key(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new key; `random` gives so many random bytes."""
    body = MARK + _digits(random(RANDOM_BYTES), RANDOM_DIGITS)
    return body + _checksum(body)


def is_key(text: str) -> bool:
    """Whether the text may be a key, by its form and its checksum."""
    return KEY.fullmatch(text) is not None and text[-CHECK_DIGITS:] == _checksum(text[:-CHECK_DIGITS])


def hash_of(key: str) -> bytes:
    """What is kept of a key: its SHA-256. What has 256 random bits needs no slower one."""
    return hashlib.sha256(key.encode()).digest()


def prefix_of(key: str) -> str:
    """The part of a key by which its owner knows it."""
    return key[:PREFIX_LENGTH]


def _checksum(body: str) -> str:
    return _digits(zlib.crc32(body.encode()).to_bytes(4, "big"), CHECK_DIGITS)


def _digits(data: bytes, count: int) -> str:
    number = int.from_bytes(data, "big")
    found: list[str] = []
    for _ in range(count):
        number, digit = divmod(number, len(DIGITS))
        found.append(DIGITS[digit])
    return "".join(reversed(found))
