"""MLflow's signatures as ours: inputs, columns, parameters and outputs out of its specifications.

A column is `{"type": "double", "name": "a", "required": true}`, a tensor `{"type": "tensor",
"tensor-spec": {"dtype": "float64", "shape": [-1, 3]}, "name": …}`, a parameter `{"name": "n", "type":
"long", "default": 3, "shape": null}`.
"""

from __future__ import annotations

from typing import Any, cast

from modelport.contract.arrays.adapter import Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import Column, ColumnType
from modelport.contract.signature import Argument
from modelport.sources.mlflow.mlmodel import Specs

ROWS = "X"
COLUMN_TYPES: dict[str, ColumnType] = {
    "boolean": "bool",
    "integer": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "string": "str",
    "binary": "str",  # base64, as MLflow takes them
    "datetime": "date",
    "array": "list",
}
NUMPY_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "str",
    "datetime": "str",
}
NARROW = {"integer": "int32", "float": "float32"}
NEVER_MISSING = ("boolean", "integer", "long")  # numpy has no missing value for these
PARAM_TYPES = {
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "string",
    "date": "string",
    "list": "array",
}
UNNAMED = "A parameter of its signature has no name; log the model again"


def is_tensors(specs: Specs) -> bool:
    """True for a signature of tensors; every other is one of columns."""
    return bool(specs) and all(spec.get("type") == "tensor" for spec in specs)


def columns_of(specs: Specs | None, enforced: bool = False) -> list[Column]:
    """The columns that a signature names; none for one of tensors, or without names.

    With `enforced` they say all that may come: null, and the bounds of numbers of 32 bits. A model that is
    not called through MLflow knows that better.
    """
    if not specs or is_tensors(specs) or not all(spec.get("name") for spec in specs):
        return []
    return [
        Column(
            name=str(spec["name"]),
            type=_column_type(spec),
            required=bool(spec.get("required", True)),
            missing=enforced and (not spec.get("required", True) or spec.get("type") not in NEVER_MISSING),
            dtype=NARROW.get(str(spec.get("type")), "") if enforced else "",
        )
        for spec in specs
    ]


def dtype_of(specs: Specs | None) -> str:
    """The one numpy type that all the inputs have, if it is one of numbers; empty otherwise."""
    found = {_tensor(spec)[0] if is_tensors([spec]) else _numpy_type(spec) for spec in specs or []}
    if len(found) != 1:
        return ""
    dtype = found.pop()
    return dtype if dtype.startswith(("float", "int", "uint")) else ""


def inputs_of(specs: Specs | None, taken: set[str]) -> list[Input]:
    """The inputs of a model that takes what its signature says; `taken` are the names of its parameters.

    Without a signature rows may be anything. Raises `ModelLoadError` for names that clash.
    """
    rows = "rows" if ROWS in taken else ROWS
    if not specs:
        return [Input(name=rows, dtype="object", shape=[None])]
    if is_tensors(specs):
        return [_tensor_input(spec, rows, taken) for spec in specs]
    columns = columns_of(specs, enforced=True)
    if columns:
        return [
            Input(
                name=rows,
                dtype="object",  # each column has its own
                shape=[None, len(columns)],
                columns=columns,
                as_frame=True,
                omits_unsent=True,
            )
        ]
    if len(specs) == 1:
        return [Input(name=rows, dtype=_numpy_type(specs[0]) or "object", shape=[None])]
    return [Input(name=rows, dtype="", shape=[None, len(specs)])]


def params_of(specs: Specs | None) -> list[Argument]:
    """The parameters as arguments with their defaults. Raises `ModelLoadError` for one without a name."""
    return [_param(spec) for spec in specs or []]


def outputs_of(specs: Specs | None) -> list[dict[str, Any]]:
    """The outputs for a model's metadata: `name`, `type` and, of tensors, `shape`."""
    found: list[dict[str, Any]] = []
    for spec in specs or []:
        one: dict[str, Any] = {"name": str(spec["name"])} if spec.get("name") else {}
        if spec.get("type") == "tensor":
            dtype, shape = _tensor(spec)
            one |= {"type": dtype, "shape": shape}
        else:
            one["type"] = str(spec.get("type", ""))
        found.append(one)
    return found


def _param(spec: dict[str, Any]) -> Argument:
    if not spec.get("name"):
        raise ModelLoadError(UNNAMED)
    kind = PARAM_TYPES.get(COLUMN_TYPES.get(str(spec.get("type")), ""), "")
    schema: dict[str, Any] = {"type": kind} if kind else {}
    if spec.get("shape"):
        schema = {"type": "array", "items": schema}
    default = spec.get("default")
    if default is None and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return Argument(name=str(spec["name"]), schema=schema | {"default": default})


def _column_type(spec: dict[str, Any]) -> ColumnType:
    return COLUMN_TYPES.get(str(spec.get("type")), "any")


def _numpy_type(spec: dict[str, Any]) -> str:
    return NUMPY_TYPES.get(str(spec.get("type")), "")


def _tensor(spec: dict[str, Any]) -> tuple[str, list[int | None]]:
    inner: Any = spec.get("tensor-spec")
    said = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    sizes: list[Any] = list(said.get("shape") or [])
    shape = [size if isinstance(size, int) and size >= 0 else None for size in sizes]
    return str(said.get("dtype") or ""), shape


def _tensor_input(spec: dict[str, Any], rows: str, taken: set[str]) -> Input:
    dtype, shape = _tensor(spec)
    name = str(spec.get("name") or rows)
    if name in taken:
        raise ModelLoadError(f"its signature has an input and a parameter of the name {name!r}; rename one")
    return Input(name=name, dtype=dtype, shape=shape)
