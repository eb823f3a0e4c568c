"""How much of a listing is read at once: bytes count, for a row may hold one number or a million."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func

PAGE_BYTES = 1 << 20  # of a page of jobs or runs, as they are stored
ROW_BYTES = 500  # what a row takes beside its large columns


def size_of(*columns: Column[Any]) -> ColumnElement[int]:
    """How many bytes these columns of a row hold; the database looks it up without reading them."""
    return sum((func.length(column) for column in columns[1:]), func.length(columns[0])).label("size")


def keys_and_sizes(connection: Connection, query: Any) -> list[tuple[int, int]]:
    """What a query finds that selects a key and a `size_of` its row."""
    rows: Any = connection.execute(query)
    return [(key, size) for key, size in rows]


def fitting(rows: Iterable[tuple[int, int]], limit: int, most_bytes: int | None) -> list[int]:
    """The keys of the first rows, given as key and size, that make a page: one at least, if there is one.

    They are up to `limit`, and together at most `most_bytes`; `None` does not restrict.
    """
    room = sys.maxsize if most_bytes is None else most_bytes
    found: list[int] = []
    for key, size in rows:
        room -= size + ROW_BYTES
        if len(found) >= limit or (found and room < 0):
            break
        found.append(key)
    return found
