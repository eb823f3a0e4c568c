"""The inputs of an array model as arguments, described by JSON Schema."""

from __future__ import annotations

from typing import Any

import numpy

from modelport.contract.arrays.adapter import Input
from modelport.contract.model_options import Column
from modelport.contract.signature import Argument

CELLS: dict[str, dict[str, Any]] = {
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
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
    schema = _table(given) if len(given.shape) == 2 else _array(given)
    return Argument(name=name, schema=schema, required=given.required)


def _table(given: Input) -> dict[str, Any]:
    columns = given.columns
    width = len(columns) or given.shape[1]
    cell = _cell("any", given)
    row: dict[str, Any] = {"type": "array", "items": cell}
    if columns and any(column.type != "any" for column in columns):
        row = {"type": "array", "prefixItems": [_cell(column.type, given) for column in columns]}
    if width is not None:
        row |= {"minItems": width, "maxItems": width}
    return {
        "type": "array",
        "items": {"anyOf": [row, _by_column(columns, given)]},
        "format": "table",
        "description": FORMS,
    }


def _by_column(columns: list[Column], given: Input) -> dict[str, Any]:
    if not columns:
        return {"type": "object", "additionalProperties": _cell("any", given)}
    properties = {
        c.name: _cell(c.type, given) | ({} if c.required else {"default": c.default}) for c in columns
    }
    required = [column.name for column in columns if column.required]
    return {"type": "object", "properties": properties, "required": required}


def _array(given: Input) -> dict[str, Any]:
    kind = given.columns[0].type if len(given.columns) == 1 else "any"
    schema = _cell(kind, given)
    for length in reversed(given.shape):
        schema = {"type": "array", "items": schema}
        if length is not None:
            schema |= {"minItems": length, "maxItems": length}
    if not given.shape:
        return {"description": "Numbers or text, in lists as deep as the model takes them."}
    words = f"An array of the shape ({', '.join('any' if n is None else str(n) for n in given.shape)})"
    return schema | {"description": words + (f", {given.dtype}." if given.dtype else ".")}


def _cell(kind: str, given: Input) -> dict[str, Any]:
    schema = CELLS[kind] if kind != "any" else CELLS[_kind_of(given.dtype)]
    kinds = schema.get("type")
    return schema | {"type": [kinds, "null"]} if given.allows_missing and kinds else dict(schema)


def _kind_of(dtype: str) -> str:
    if dtype in ("", "str", "object"):
        return "str" if dtype == "str" else "any"
    return {"f": "float", "i": "int", "u": "int", "b": "bool", "U": "str"}.get(numpy.dtype(dtype).kind, "any")
