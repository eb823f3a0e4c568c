"""What a training was made with, as the file that reports on drift compare with."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec

from modelport.contract.plain import plain

MOST_ROWS = 10_000


def written(inputs: Any, answers: Any, path: Path) -> Path:
    """Write a sample of both, of the same rows where they have as many; returns the file.

    Raises `TypeError` for what has no form in JSON, `OSError`.
    """
    recorded = {"inputs": _sampled(inputs), "answers": None if answers is None else _sampled(answers)}
    path.write_bytes(msgspec.json.encode(recorded))
    return path


def _sampled(value: Any) -> Any:
    """`value` as plain lists and dictionaries of `MOST_ROWS` at most; tables are sampled before."""
    rows = len(value) if hasattr(value, "__len__") else 0
    if rows > MOST_ROWS and hasattr(value, "iloc"):
        value = value.iloc[_places(rows)]
    elif rows > MOST_ROWS and hasattr(value, "dtype") and hasattr(value, "shape"):
        value = value[_places(rows)]
    made = plain(value)
    if isinstance(made, list):
        return _some(cast("list[Any]", made))
    if isinstance(made, dict):
        columns = cast("dict[str, Any]", made)
        return {
            name: _some(cast("list[Any]", column)) if isinstance(column, list) else column
            for name, column in columns.items()
        }
    return made


def _some(rows: list[Any]) -> list[Any]:
    return rows if len(rows) <= MOST_ROWS else [rows[place] for place in _places(len(rows))]


def _places(rows: int) -> list[int]:
    """The same for every column of as many rows."""
    return sorted(Random(rows).sample(range(rows), MOST_ROWS))
