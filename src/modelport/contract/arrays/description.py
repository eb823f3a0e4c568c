"""The inputs of an array model as arguments, described by JSON Schema."""

from __future__ import annotations

from typing import Any

import numpy

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.example_rows import NONE, example_of
from modelport.contract.model_options import Column
from modelport.contract.signature import Argument

CELLS: dict[str, dict[str, Any]] = {
    "float": {"type": ["number", "boolean"]},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date-time"},
    "str": {"type": "string"},
    "list": {"type": "array", "items": {}},
    "any": {},
}
FORMS = (
    'A list of rows, each a list of values or an object by column; {"columns": […], "rows": [[…]]}; '
    "or a table: CSV, Parquet or Arrow, as the body itself or as an upload."
)


def argument_of(given: Input, name: str) -> Argument:
    """The argument of an input; a table's has the format `table`."""
    of_rows = len(given.shape) == 2 or (given.as_frame and not given.shape)
    schema = _table(given) if of_rows else _array(given)
    example = example_of(given)
    if example is not NONE:
        schema |= {"examples": [example]}
    return Argument(name=name, schema=schema, required=given.required)


def _table(given: Input) -> dict[str, Any]:
    columns = given.columns
    width = len(columns) or (given.shape[1] if given.shape else None)
    row: dict[str, Any] = {"type": "array", "items": _cell(Column(name=""), given)}
    if any(column.type != "any" or not column.used or column.missing for column in columns):
        row = {"type": "array", "prefixItems": [_cell(column, given) for column in columns]}
    if width is not None:
        row |= {"minItems": width, "maxItems": width}
    return {
        "type": "array",
        "items": {"anyOf": [row, _by_column(columns, given)]},
        "format": "table",
        "description": FORMS,
    }


def _by_column(columns: list[Column], given: Input) -> dict[str, Any]:
    if not given.names:
        return {"type": "object", "additionalProperties": _cell(Column(name=""), given)}
    properties = {c.name: _cell(c, given) | ({} if c.required else {"default": c.default}) for c in columns}
    required = [column.name for column in columns if column.required]
    return {"type": "object", "properties": properties, "required": required}


def _array(given: Input) -> dict[str, Any]:
    column = given.columns[0] if len(given.columns) == 1 else Column(name="")
    schema = _cell(column, given)
    for length in reversed(given.shape):
        schema = {"type": "array", "items": schema}
        if length is not None:
            schema |= {"minItems": length, "maxItems": length}
    if not given.shape:
        return {"description": "Numbers or text, in lists as deep as the model takes them."}
    words = f"An array of the shape ({', '.join('any' if n is None else str(n) for n in given.shape)})"
    return schema | {"description": words + (f", {given.dtype}." if given.dtype else ".")}


def _cell(column: Column, given: Input) -> dict[str, Any]:
    if not column.used:
        return {"description": "The model does not look at this column."}
    schema = CELLS[column.type if column.type != "any" else _kind_of(column.dtype or given.dtype)]
    kinds: Any = schema.get("type")
    if not kinds or not (given.allows_missing or column.missing):
        return dict(schema)
    return schema | {"type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _kind_of(dtype: str) -> str:
    if dtype in ("", "str", "object"):
        return "str" if dtype == "str" else "any"
    return {"f": "float", "i": "int", "u": "int", "b": "bool", "U": "str"}.get(numpy.dtype(dtype).kind, "any")
