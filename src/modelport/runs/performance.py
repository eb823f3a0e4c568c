"""How good a model is: a nested dictionary, addressed by dotted paths, ordered by its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

OVERALL = "overall"
MAX_NUMBERS = 1000  # of a run, by which runs can be ordered
MAX_DEPTH = 20
MOST_NAMES = 50


def numbers_of(performance: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, float]:
    """Every finite number by its dotted path; those of `overall` by their bare names, too.

    Metrics stand under their own names. Where two have one name, the performance counts.
    """
    found = paths_of(performance)
    inner = f"{OVERALL}."
    bare = {name.removeprefix(inner): value for name, value in found.items() if name.startswith(inner)}
    logged = {name: value for name, value in metrics.items() if math.isfinite(value)}
    return logged | bare | found


def paths_of(performance: Mapping[str, Any]) -> dict[str, float]:
    """Every finite number of a performance by its dotted path, at most `MAX_NUMBERS`."""
    return dict(_leaves(performance, "", MAX_DEPTH)[:MAX_NUMBERS])


def _leaves(value: Mapping[str, Any], before: str, depth: int) -> list[tuple[str, float]]:
    """Every finite number with its path, which begins with `before`."""
    found: list[tuple[str, float]] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            inner = cast("Mapping[str, Any]", item)
            found += _leaves(inner, f"{before}{key}.", depth - 1) if depth > 1 else []
        else:
            number = _finite(item)
            found += [] if number is None else [(f"{before}{key}", number)]
    return found


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class NoSuchPart(LookupError):
    """A performance has no such part: `names` are those that exist where the path ends."""

    def __init__(self, path: str, names: list[str]):
        self.path = path
        self.names = names
        there = ", ".join(names) or "nothing"
        super().__init__(f"the performance has no {path[:200]!r}; there is: {there}")


def part_of(performance: Mapping[str, Any], path: str) -> Any:
    """The part of a performance at a dotted path. Keys may hold dots themselves. Raises `NoSuchPart`."""
    found = _look_up(performance, path)
    if found is None:
        raise NoSuchPart(path, _nearest(performance, path))
    return found[0]


def _look_up(value: Any, path: str) -> tuple[Any] | None:
    """The value at the end of the path, in a tuple; `None` if there is none."""
    for key, item in _on_the_way(value, path):
        found = (item,) if key == path else _look_up(item, path[len(key) + 1 :])
        if found is not None:
            return found
    return None


def _on_the_way(value: Any, path: str) -> list[tuple[str, Any]]:
    """What a path may go through next, by the keys that it begins with, the shortest first."""
    if not isinstance(value, Mapping):
        return []
    items = cast("Mapping[str, Any]", value).items()
    return sorted(
        [pair for pair in items if f"{path}.".startswith(f"{pair[0]}.")], key=lambda one: len(one[0])
    )


def _nearest(value: Mapping[str, Any], path: str) -> list[str]:
    """The paths that exist one step below the farthest point that the path reaches."""
    length, here = _reached(value, path)
    if not isinstance(here, Mapping) or not here:
        return [path[: length - 1]] if length else []
    keys = list(cast("Mapping[str, Any]", here))
    return [path[:length] + key for key in keys[:MOST_NAMES]]


def _reached(value: Any, path: str) -> tuple[int, Any]:
    """How many characters of a path lead somewhere, dots included, and what is there."""
    farthest: tuple[int, Any] = (0, value)
    for key, item in _on_the_way(value, path):
        length, there = _reached(item, path[len(key) + 1 :])
        farthest = max(farthest, (len(key) + 1 + length, there), key=lambda one: one[0])
    return farthest
