"""Arguments and answers of a model as tensors: which datatype, how many axes, by their JSON Schemas.

The codec reads tensors by this, and the metadata of a model shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from modelport.contract.signature import Argument, Operation, Signature
from modelport.dialects.oip.datatypes import BYTES

PLATFORM = "modelport"
OUTPUT = "output"  # of a model whose answer is no object, which has names of its own
SCALARS = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": BYTES}
FORMATS = {"float": "FP32"}  # of numbers


class Form(msgspec.Struct, frozen=True):
    """How a value is a tensor: of which shape, -1 where any length will do; `None` if any shape will.

    What has no datatype of its own `is_json`: each element is the JSON of it, as BYTES. `datatype` is empty
    where any will do.
    """

    datatype: str
    shape: tuple[int, ...] | None
    is_json: bool = False


def form_of(schema: dict[str, Any]) -> Form:
    """How values of a schema are tensors."""
    lengths: list[int] = []
    found = _only(schema)
    while _type_of(found) == "array":
        items = found.get("items")
        if not items:
            return (
                Form("", None)
                if not (lengths or "prefixItems" in found)
                else Form(BYTES, _shape(lengths), True)
            )
        same = found.get("minItems", -1)
        lengths.append(same if same == found.get("maxItems") else -1)
        found = _only(cast("dict[str, Any]", items))
    datatype = FORMATS.get(str(found.get("format")), "") or SCALARS.get(_type_of(found), "")
    if not datatype and not found.keys() - {"description", "title", "default", "examples"}:
        return Form("", None)  # anything
    return Form(datatype or BYTES, _shape(lengths), not datatype)


def _shape(lengths: list[int]) -> tuple[int, ...]:
    return tuple(lengths) or (1,)


def _only(schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema is besides null, if that is one thing."""
    choices: Any = schema.get("anyOf")
    if not isinstance(choices, list):
        return schema
    others = [one for one in cast("list[dict[str, Any]]", choices) if one.get("type") != "null"]
    return others[0] if len(others) == 1 else {"anyOf": others}


def _type_of(schema: dict[str, Any]) -> str:
    """The type of a schema besides null; a number that may be a boolean is one. Empty if it has several."""
    kind: Any = schema.get("type", "")
    if isinstance(kind, list):
        kinds = [one for one in cast("list[str]", kind) if one != "null"]
        kind = "number" if kinds == ["number", "boolean"] else kinds[0] if len(kinds) == 1 else ""
    if not kind and isinstance(values := schema.get("enum"), list) and values:
        return "string" if all(isinstance(one, str) for one in cast("list[Any]", values)) else ""
    return str(kind)


def is_table(argument: Argument) -> bool:
    """Whether an argument is rows, which may come by their columns."""
    return argument.schema.get("format") == "table"


def columns_of(argument: Argument) -> dict[str, dict[str, Any]]:
    """The columns of a table, with their schemas; none where they have no names."""
    items: Any = argument.schema.get("items", {})
    for choice in items.get("anyOf", []):
        if choice.get("type") == "object":
            return choice.get("properties", {})
    return {}


def row_of(argument: Argument) -> list[dict[str, Any]]:
    """The schemas of the cells of a row that is a list: of each, or of all, or none."""
    items: Any = argument.schema.get("items", {})
    for choice in items.get("anyOf", []):
        if choice.get("type") == "array":
            return choice.get("prefixItems") or [choice.get("items", {})]
    return []


class ModelTensors(msgspec.Struct):
    """What the protocol says of a model, beside what DEEPaaS does."""

    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class TensorMetadata(msgspec.Struct, omit_defaults=False):
    """A tensor that a model takes or gives. A length of -1 is any."""

    name: str
    datatype: str
    shape: list[int]


def tensors_of(signature: Signature, versions: Iterable[int]) -> ModelTensors:
    """What the protocol says of a model with these versions."""
    numbers = [str(number) for number in versions]
    return ModelTensors(numbers, PLATFORM, inputs_of(signature), outputs_of(signature.predict))


def with_tensors(
    metadata: Mapping[str, Any], signature: Signature, versions: Iterable[int]
) -> dict[str, Any]:
    """The metadata of a model with what the protocol says of it. What the model says itself stays."""
    tensors = msgspec.to_builtins(tensors_of(signature, versions))
    return {**metadata, **{key: value for key, value in tensors.items() if key not in metadata}}


def inputs_of(signature: Signature) -> list[TensorMetadata]:
    """The tensors that a model takes."""
    found: list[TensorMetadata] = []
    for argument in signature.predict.arguments:
        if argument.kind == "accept":
            continue
        found += _of_table(argument) if is_table(argument) else [_of_argument(argument)]
    return found


def _of_argument(argument: Argument) -> TensorMetadata:
    if argument.is_upload:
        return TensorMetadata(argument.name, BYTES, [-1 if argument.kind == "files" else 1])
    form = form_of(argument.schema)
    return TensorMetadata(argument.name, form.datatype or "FP64", list(form.shape or (-1,)))


def _of_table(argument: Argument) -> list[TensorMetadata]:
    """A table is one tensor where its cells are all of one datatype, else one for each column."""
    cells = [form_of(cell).datatype or "FP64" for cell in row_of(argument)]
    columns = columns_of(argument)
    width = len(columns) or len(cells)
    if len(set(cells)) == 1 or not columns:
        wide = width if columns or len(cells) > 1 else _width(argument)
        return [TensorMetadata(argument.name, cells[0] if cells else "FP64", [-1, wide])]
    kinds = [form_of(schema).datatype or "FP64" for schema in columns.values()]
    return [TensorMetadata(name, kind, [-1, 1]) for name, kind in zip(columns, kinds, strict=True)]


def _width(argument: Argument) -> int:
    items: Any = argument.schema.get("items", {})
    return next((one["minItems"] for one in items.get("anyOf", []) if "minItems" in one), -1)


def outputs_of(operation: Operation) -> list[TensorMetadata]:
    """The tensors that a model gives, as far as it says: nothing says of many how long they are."""
    schema = operation.answer
    if schema is None:
        return []
    found = _only(schema)
    if _type_of(found) == "object":  # without properties it has outputs of any names
        return [_of_answer(name, one) for name, one in found.get("properties", {}).items()]
    return [_of_answer(OUTPUT, found)]


def _of_answer(name: str, schema: dict[str, Any]) -> TensorMetadata:
    form = form_of(schema)
    return TensorMetadata(name, form.datatype or "FP64", list(form.shape or (-1,)))
