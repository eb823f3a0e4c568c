"""Durations as people write them: `30d`, `12h`, `45m`, `90s`."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")

NO_DURATION = "is no duration; write for example 30d, 12h, 45m or 90s"


def seconds_of(text: str) -> float:
    """Seconds of a duration; a bare number is seconds, 0 means for ever. Raises `ValueError`."""
    found = WRITTEN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} {NO_DURATION}")
    return float(found[1]) * UNITS[found[2] or "s"]
