"""Requests that are read at once: one array of the rows of all of them, of which each has its part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Whole:
    """The array, and of how many requests its rows are."""

    __slots__ = ("array", "requests")

    def __init__(self, array: Any, requests: int):
        self.array = array
        self.requests = requests


class Part:
    """What request number `number` has sent of a whole."""

    __slots__ = ("_read", "number", "rows", "whole")

    def __init__(self, whole: Whole, number: int, rows: list[Any], read: Callable[[list[Any]], Any]):
        self.whole = whole
        self.number = number
        self.rows = rows
        self._read = read

    def __len__(self) -> int:
        return len(self.rows)

    def alone(self) -> Any:
        """An array of these rows, read anew: a model that failed may have written into the whole."""
        return self._read(self.rows)


def whole_of(parts: list[Any]) -> Any | None:
    """The array of which these are all the parts, in order; `None` if they are anything else."""
    first = parts[0] if parts else None
    if type(first) is not Part:
        return None
    whole = first.whole
    if len(parts) != whole.requests:  # one of them was refused meanwhile
        return None
    if any(type(part) is not Part or part.whole is not whole for part in parts):
        return None
    return whole.array if [part.number for part in parts] == list(range(whole.requests)) else None
