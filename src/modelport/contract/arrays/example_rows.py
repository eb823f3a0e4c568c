"""What could be sent for an input: one row that the model takes, as far as that is known."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy

from modelport.contract.arrays.adapter import Input
from modelport.contract.model_options import Column

NONE: Any = object()  # no example; null may be one
MAX_NUMBERS = 64  # of an example
MAX_SHOWN = 200  # characters of one in a message
KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str"}  # numpy's, and ours
SAMPLES: dict[str, Any] = {
    "float": 0.0,
    "int": 0,
    "bool": False,
    "str": "text",
    "date": "2024-01-05T00:00:00",
    "list": NONE,
}


def example_of(given: Input) -> Any:
    """One row of this input as JSON; `NONE` where nothing is known of it."""
    if len(given.shape) == 2:
        return _row(given)
    if len(given.columns) > 1 or not given.shape:
        return NONE
    value = _sample(given.columns[0] if given.columns else Column(name=""), given)
    lengths = [1 if given.shape[0] is None else given.shape[0], *given.shape[1:]]
    if value is NONE or None in lengths or math.prod(length or 0 for length in lengths) > MAX_NUMBERS:
        return NONE
    return numpy.full([length or 0 for length in lengths], value).tolist()


def shown_rows(given: Input) -> str:
    """What to send for an input of two axes, for a message: JSON, of which a long one is cut."""
    example = example_of(given)
    if example is NONE:
        return "[[1, 2], [3, 4]]"
    text = json.dumps(example, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _row(given: Input) -> Any:
    """An object by column where the columns have names, else a list."""
    width = len(given.columns) or given.shape[1]
    if width is None or (given.as_frame and not given.names):
        return NONE
    columns = given.columns or [Column(name="")] * width
    cells = [
        given.samples[number] if number in given.samples else _sample(column, given)
        for number, column in enumerate(columns)
    ]
    if NONE in cells:
        return NONE
    if not given.names:
        return [cells]
    return [{c.name: cell for c, cell in zip(columns, cells, strict=True) if c.used}]


def _sample(column: Column, given: Input) -> Any:
    if not column.used:
        return None
    kind: str = column.type
    dtype = column.dtype or given.dtype
    if kind == "any" and dtype in ("", "object"):
        kind = ""
    elif kind == "any":
        kind = KINDS.get(numpy.dtype(dtype).kind, "")
    if not kind and (column.missing or given.allows_missing):
        return None
    return SAMPLES.get(kind, 0)
