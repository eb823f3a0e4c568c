"""What people write as one word: durations (`30d`), sizes (`2G`), orders of runs (`f1:max`)."""

from __future__ import annotations

import re
from typing import NamedTuple

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")
NO_DURATION = "is no duration; write for example 30d, 12h, 45m or 90s"
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
WRITTEN_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:(?<=[kmgt])i)?b?")
NO_SIZE = "is no size; write for example 2G, 512M or a number of bytes"
RATE = re.compile(r"([0-9]{1,12})\s*/\s*(s|sec|second|m|min|minute|h|hour|d|day)")
NO_RATE = "is no rate; write for example 100/m, 10/s, 5000/h or 100000/d"
NO_ORDER = "is no order of runs; write NAME:max or NAME:min, such as f1:max"


def seconds_of(text: str) -> float:
    """Seconds of a duration; a bare number is seconds, 0 means for ever. Raises `ValueError`."""
    found = WRITTEN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} {NO_DURATION}")
    return float(found[1]) * UNITS[found[2] or "s"]


def size_of(text: str) -> int:
    """Bytes of a size; a bare number is bytes, K, M, G and T are powers of 1024. Raises `ValueError`."""
    found = WRITTEN_SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} {NO_SIZE}")
    return int(float(found[1]) * SIZES[found[2]])


class Rate(NamedTuple):
    """So many requests in each stretch of so many seconds: a second, a minute, an hour or a day."""

    requests: int
    seconds: int


def rate_of(text: str) -> Rate | None:
    """Read `100/m`; `None` for `0`, which is no limit. Raises `ValueError`."""
    written = text.strip().lower()
    if written == "0":
        return None
    found = RATE.fullmatch(written)
    if found is None or not int(found[1]):
        raise ValueError(f"{text!r} {NO_RATE}")
    return Rate(int(found[1]), int(UNITS[found[2][0]]))


class Order(NamedTuple):
    """A number of runs that they are ordered by: the best is the highest, or the lowest."""

    name: str
    highest: bool

    def __str__(self) -> str:
        return f"{self.name}:{'max' if self.highest else 'min'}"


def order_of(text: str) -> Order:
    """Read `NAME`, `NAME:max` or `NAME:min`. Raises `ValueError`."""
    name, colon, way = text.rpartition(":")
    if not colon:
        name, way = text, "max"
    if way not in ("max", "min") or not name.strip():
        raise ValueError(f"{text!r} {NO_ORDER}")
    return Order(name.strip(), way == "max")
