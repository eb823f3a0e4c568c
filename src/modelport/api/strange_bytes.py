"""What keeps bytes of models and of strangers from being run by a browser, as a page of this server.

A file of HTML or SVG may hold scripts. Opened by its address they would run as the server's own, with the
session of who looks at it. So browsers are told to take bytes for nothing but what they are said to be, and
to give each document among them an origin of its own, without scripts and forms.
"""

from __future__ import annotations

import re
from functools import lru_cache

NOSNIFF = ("x-content-type-options", "nosniff")
SANDBOX = ("content-security-policy", "sandbox")
# What no browser runs, and Chromium shows no PDF in a sandbox.
STILL = re.compile(r"(image/(?!svg)|audio/|video/|application/(json|pdf)\b)", re.IGNORECASE)


@lru_cache(maxsize=256)
def guards_of(media_type: str) -> tuple[tuple[str, str], ...]:
    """The headers that go with bytes of this type; those of no type are taken for the worst."""
    return (NOSNIFF,) if STILL.match(media_type) else (NOSNIFF, SANDBOX)


@lru_cache(maxsize=256)
def guards_on_wire(media_type: str) -> tuple[tuple[bytes, bytes], ...]:
    """The same, as they are sent."""
    return tuple((name.encode(), value.encode()) for name, value in guards_of(media_type))
