"""Orders of runs as people write them: the number that makes a run the best, such as `f1:max`."""

from __future__ import annotations

from typing import NamedTuple

NO_ORDER = "is no order of runs; write NAME:max or NAME:min, such as f1:max"


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
