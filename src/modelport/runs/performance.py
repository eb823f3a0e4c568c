"""How good a model is: a nested dictionary, addressed by dotted paths, ordered by its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

OVERALL = "overall"
MAX_NUMBERS = 1000  # of a run, by which runs can be ordered
MAX_DEPTH = 20


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
        raise ValueError(f"{text!r} is no order of runs; write NAME:max or NAME:min, such as f1:max")
    return Order(name.strip(), way == "max")


def numbers_of(performance: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, float]:
    """Every finite number by its dotted path; those of `overall` by their bare names, too.

    Metrics stand under their own names. Where two have one name, the performance counts.
    """
    found: dict[str, float] = {}
    for path, value in _leaves(performance, "", MAX_DEPTH):
        if len(found) >= MAX_NUMBERS:
            break
        found[path] = value
    inner = f"{OVERALL}."
    bare = {name.removeprefix(inner): value for name, value in found.items() if name.startswith(inner)}
    logged = {name: value for name, value in metrics.items() if math.isfinite(value)}
    return logged | bare | found


def _leaves(value: Any, path: str, depth: int) -> list[tuple[str, float]]:
    if isinstance(value, Mapping) and depth > 0:
        found: list[tuple[str, float]] = []
        for key, item in cast("Mapping[Any, Any]", value).items():
            found += _leaves(item, f"{path}.{key}" if path else str(key), depth - 1)
        return found
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    try:
        number = float(value)
    except OverflowError:
        return []
    return [(path, number)] if math.isfinite(number) else []


class NoSuchPart(LookupError):
    """A performance has no such part: `names` are those that exist where the path ends."""

    def __init__(self, path: str, names: list[str]):
        self.path = path
        self.names = names
        there = ", ".join(names) or "nothing"
        super().__init__(f"the performance has no {path[:200]!r}; there is: {there}")


def part_of(performance: Mapping[str, Any], path: str) -> Any:
    """The part of a performance at a dotted path. Keys may hold dots themselves. Raises `NoSuchPart`."""
    found = _look_up(performance, path.split("."))
    if found is None:
        raise NoSuchPart(path, _nearest(performance, path.split(".")))
    return found[0]


def _look_up(value: Any, steps: list[str]) -> tuple[Any] | None:
    """The value at the end of the steps, in a tuple; `None` if there is none."""
    if not steps:
        return (value,)
    if not isinstance(value, Mapping):
        return None
    inner = cast("Mapping[str, Any]", value)
    for length in range(1, len(steps) + 1):
        key = ".".join(steps[:length])
        if key in inner:
            found = _look_up(inner[key], steps[length:])
            if found is not None:
                return found
    return None


def _nearest(value: Mapping[str, Any], steps: list[str]) -> list[str]:
    """The paths that exist one step below the last one that the path reached."""
    reached: list[str] = []
    here: Any = value
    for step in steps:
        if not isinstance(here, Mapping) or step not in here:
            break
        here = cast("Mapping[str, Any]", here)[step]
        reached.append(step)
    if not isinstance(here, Mapping):
        return [".".join(reached)]
    keys = [str(key) for key in cast("Mapping[Any, Any]", here)]
    return [".".join([*reached, key]) for key in keys[:50]]
