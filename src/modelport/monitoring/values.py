"""Rows of named values out of what was sent and answered, whatever forms they have.

- A list of objects is rows, and so is a table (`{"columns": …, "rows": …}`, CSV, Parquet); lists of lists
  are rows whose columns are called as the model calls them, or `x[0]`, `x[1]`.
- An object of lists of the same length is columns.
- A list of values is a column, and a value by itself a row of one call.
- What is nested deeper is called `outer.inner`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from modelport.telemetry.payloads.truths import without_envelope

Value: TypeAlias = "float | str | bool | None"
MOST_DEPTH = 4
MOST_COLUMNS = 200
MOST_ROWS = 10_000  # of one call, and of what a training has recorded
MOST_TEXT = 100  # characters
ANSWER = "answer"  # what has no name


class Row(NamedTuple):
    """Named values that belong together. `group` tells the tables of a call from each other."""

    group: str
    values: dict[str, Value]


def rows_of_input(told: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """The rows of what was sent, as the payload log tells it. `columns` are those of arguments, by name."""
    arguments: dict[str, Any] = {}
    for part in (told.get("query"), told.get("value")):
        if isinstance(part, dict):
            arguments |= cast("dict[str, Any]", part)
        elif isinstance(part, list):
            arguments[""] = part
    for file in told.get("files", ()):
        if "value" in file:
            arguments[file["field"]] = file["value"]
    yield from _rows(arguments, columns)


def rows_of_answer(value: Any) -> Iterator[Row]:
    """The rows of an answer."""
    yield from _rows(_named(without_envelope(value)), {})


def rows_of_recorded(value: Any, columns: Mapping[str, Sequence[str]], name: str = "") -> Iterator[Row]:
    """The rows of what a training has recorded."""
    names = max(columns.values(), key=len, default=())
    recorded = cast("dict[str, Any]", value if isinstance(value, dict) else {name: value})
    yield from _rows(recorded, {**columns, name: names})


def _named(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {ANSWER: value}


def _rows(arguments: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    alone: dict[str, Value] = {}
    tables: dict[str, list[dict[str, Value]]] = {}
    table = _table(arguments)
    if table is not None:
        tables[""] = table
    elif (together := _columns(arguments)) is not None:
        tables[""] = together
    else:
        for name, item in arguments.items():
            rows = _listed(name, item, columns.get(name, ()))
            if rows is None:
                alone |= _flat(item, name)
            else:
                tables[name] = rows
    if alone:
        yield Row("", alone)
    for name, rows in tables.items():
        before = f"{name}." if len(tables) > 1 and name else ""
        for row in rows:
            values = {f"{before}{key}" if key != name else key: item for key, item in row.items()}
            yield Row(f"[{name}]", values)


def _listed(name: str, value: Any, columns: Sequence[str]) -> list[dict[str, Value]] | None:
    """The rows of an argument that is a table or a list; `None` for any other."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        table = _table(found)
        return table if table is not None else _columns(found)
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)[:MOST_ROWS]
    rows: list[dict[str, Value]] = []
    for item in items:
        if isinstance(item, dict):
            rows.append(_flat(item, ""))
        elif isinstance(item, list):
            rows.append(_positions(name, cast("list[Any]", item), columns))
        else:
            rows.append({name: _value(item)})
    return rows


def _table(value: Mapping[str, Any]) -> list[dict[str, Value]] | None:
    columns, rows = value.get("columns"), value.get("rows")
    if isinstance(columns, dict) and isinstance(rows, int):
        return _columns(cast("dict[str, Any]", columns), is_table=True)
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    names = [str(name) for name in cast("list[Any]", columns)]
    found: list[dict[str, Value]] = []
    for row in cast("list[Any]", rows)[:MOST_ROWS]:
        if isinstance(row, list):
            found.append(_positions("", cast("list[Any]", row), names))
    return found


def _columns(value: Mapping[str, Any], *, is_table: bool = False) -> list[dict[str, Value]] | None:
    """The rows of an object of lists of the same length; `None` if it is none."""
    lists = [cast("list[Any]", item) for item in value.values() if isinstance(item, list)]
    if len(lists) != len(value) or len(lists) < (1 if is_table else 2):
        return None
    if len({len(one) for one in lists}) > 1 or any(isinstance(i, list | dict) for one in lists for i in one):
        return None
    names = list(value)[:MOST_COLUMNS]
    return [
        {name: _value(item) for name, item in zip(names, row, strict=False)}
        for row in zip(*(one[:MOST_ROWS] for one in lists), strict=True)
    ]


def _positions(name: str, row: Sequence[Any], columns: Sequence[str]) -> dict[str, Value]:
    known = len(columns) == len(row)
    found: dict[str, Value] = {}
    for place, item in enumerate(row[:MOST_COLUMNS]):
        if not isinstance(item, list | dict):
            found[columns[place] if known else f"{name}[{place}]"] = _value(item)
    return found


def _flat(value: Any, name: str, depth: int = 0) -> dict[str, Value]:
    """The values in objects, by their paths. Lists within are left out."""
    if isinstance(value, dict):
        found: dict[str, Value] = {}
        if depth < MOST_DEPTH:
            for key, item in cast("dict[str, Any]", value).items():
                if len(found) >= MOST_COLUMNS:
                    break
                found |= _flat(item, f"{name}.{key}" if name else str(key), depth + 1)
        return found
    return {} if isinstance(value, list) else {name: _value(value)}


def _value(value: Any) -> Value:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return float(value) if abs(value) < 1 << 1000 else None
    return str(value)[:MOST_TEXT]
