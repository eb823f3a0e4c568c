"""The types of columns that are made of JSON: the least that holds all values of each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import msgspec

LEAST, MOST = -(2**63), 2**63 - 1
MAX_DEPTH = 4  # of lists in lists


class ListOf(NamedTuple):
    """Lists whose items are of a type."""

    items: ColumnType


ColumnType = str | ListOf  # "" (nothing but null), "boolean", "integer", "number", "text", "json"
NOTHING: Final[ColumnType] = ""
NUMBERS = ("integer", "number")


def type_of(value: Any, depth: int = 0) -> ColumnType:
    """The type of one value."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if LEAST <= value <= MOST else "number"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list) and depth < MAX_DEPTH:
        items = NOTHING
        for item in cast("list[Any]", value):
            items = wider(items, type_of(item, depth + 1))
        return ListOf(items)
    return "json"


def wider(one: ColumnType, other: ColumnType) -> ColumnType:
    """The least type that holds the values of both: JSON as text, if no other does."""
    if one == other or other == NOTHING:
        return one
    if one == NOTHING:
        return other
    if one in NUMBERS and other in NUMBERS:
        return "number"
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return ListOf(wider(one.items, other.items))
    return "json"


def arrow_type(pyarrow: Any, found: ColumnType) -> Any:
    """It as a type of Arrow. A column without a value is one of text."""
    if isinstance(found, ListOf):
        return pyarrow.list_(arrow_type(pyarrow, found.items))
    of = {"boolean": pyarrow.bool_, "integer": pyarrow.int64, "number": pyarrow.float64}
    return of.get(found, pyarrow.string)()


def fitted(value: Any, found: ColumnType) -> Any:
    """The value as its column has it."""
    if value is None:
        return None
    if found == "json":
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if found == "number":
        return float(value)
    if isinstance(found, ListOf):
        return [fitted(item, found.items) for item in cast("list[Any]", value)]
    return value
