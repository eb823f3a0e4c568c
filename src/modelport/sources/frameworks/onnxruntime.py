"""ONNX models, run by onnxruntime on the CPU.

Read from the model: inputs and outputs with names, types and shapes, default values of inputs
(initializers that may be overridden), producer, description, version and `metadata_props`.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any, cast

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import Column, ModelOptions
from modelport.sources.frameworks.border import (
    FunctionAdapter,
    framework_module,
    loading,
    objects,
    plain_values,
)

TENSOR = re.compile(r"(?:optional\()?tensor\((\w+)\)\)?")
NUMPY_TYPES = {
    "float": "float32",
    "double": "float64",
    "string": "str",
    **{name: name for name in ("float16", "bool", "int8", "int16", "int32", "int64")},
    **{name: name for name in ("uint8", "uint16", "uint32", "uint64", "complex64", "complex128")},
}
# Axes of time come first in the models of some exporters: such rows do depend on each other.
TIME = re.compile(r"seq|time|step|token|frame|len", re.IGNORECASE)
# Names that converters make up for an axis of which nothing is known.
UNKNOWN = re.compile(r"unk_|unknown|\?")
# More initializers than this are the weights, listed by an exporter, and no defaults of inputs.
MOST_DEFAULTS = 16
COLUMN_KEYS = ("feature_names", "features", "columns", "column_names")
CLASS_KEYS = ("classes", "class_names", "labels", "names")


def load(path: Path, options: ModelOptions) -> Any:
    """An inference session of the model at `path`. Raises `ModelLoadError`.

    `OMP_NUM_THREADS` bounds the threads of one session. Threads that wait for work sleep: by default they
    spin, which takes the processors from the other workers.
    """
    runtime = framework_module("onnxruntime", "onnx")
    session_options = runtime.SessionOptions()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():
        session_options.intra_op_num_threads = int(threads)
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session_options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    with loading(path, "onnxruntime"):
        return runtime.InferenceSession(str(path), session_options, providers=["CPUExecutionProvider"])


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for an `InferenceSession`; `None` for anything else. Raises `ModelLoadError`."""
    if not hasattr(obj, "get_inputs") or not hasattr(obj, "get_modelmeta"):
        return None
    defaults: list[Any] = obj.get_overridable_initializers()
    if len(defaults) > MOST_DEFAULTS:
        defaults = []
    required: list[Any] = obj.get_inputs()
    outputs: list[Any] = obj.get_outputs()
    about = obj.get_modelmeta()
    columns = _columns(about.custom_metadata_map, required)
    inputs = [_input(one, columns) for one in required] + [_input(one, [], False) for one in defaults]
    return FunctionAdapter(
        framework="onnx",
        metadata=_metadata(about, outputs),
        inputs=inputs,
        options=[],
        batches=not defaults and _rows_are_shared([*required, *outputs]),
        run=partial(_run, obj, inputs, outputs[:1] if options.first_output else outputs),
    )


def _run(
    session: Any, inputs: list[Input], outputs: list[Any], given: dict[str, Any], options: dict[str, Any]
) -> Any:
    numpy: Any = importlib.import_module("numpy")
    feed = {
        one.name: numpy.ascontiguousarray(given[one.name], dtype=object if one.dtype == "str" else one.dtype)
        for one in inputs
        if given.get(one.name) is not None
    }
    results = session.run([output.name for output in outputs], feed)
    named = {output.name: _array(result) for output, result in zip(outputs, results, strict=True)}
    return next(iter(named.values())) if len(named) == 1 else named


def _array(result: Any) -> Any:
    """Sequences, such as the maps that scikit-learn's classifiers answer with, become arrays of objects."""
    return objects([plain_values(one) for one in result]) if isinstance(result, list) else result  # pyright: ignore[reportUnknownVariableType]


def _input(one: Any, columns: list[str], required: bool = True) -> Input:
    tensor = TENSOR.fullmatch(one.type)
    dtype = NUMPY_TYPES.get(tensor[1]) if tensor else None
    if dtype is None:
        raise ModelLoadError(
            f"its input {one.name!r} is a {one.type}, which cannot be sent as rows: export the model with "
            "tensors of numbers, booleans or strings as inputs"
        )
    return Input(
        name=one.name,
        dtype=dtype,
        shape=_shape(one),
        columns=[Column(name=name, type=_column_type(dtype)) for name in columns],
        required=required and not one.type.startswith("optional"),
        # ONNX says nothing of missing values; NaN is a float like others, and imputers wait for it.
        allows_missing=False,
    )


def _shape(value: Any) -> list[int | None]:
    sizes: list[Any] = value.shape or []
    return [size if isinstance(size, int) and size >= 0 else None for size in sizes]


def _column_type(dtype: str) -> Any:
    kinds = {"str": "str", "bool": "bool", "f": "float", "i": "int", "u": "int"}
    return kinds.get(dtype) or kinds.get(dtype[0], "any")


def _rows_are_shared(values: list[Any]) -> bool:
    """Whether the first axis of every input and output is one and the same free length."""
    names: set[str] = set()
    for value in values:
        if value.type.startswith("seq(map("):  # one map for each row; it has no shape
            continue
        first: Any = value.shape[0] if value.shape else 1
        if isinstance(first, int) and first >= 0:
            return False
        if isinstance(first, str) and not UNKNOWN.match(first):
            names.add(first)
    return len(names) <= 1 and not any(TIME.search(name) for name in names)


def _metadata(about: Any, outputs: list[Any]) -> dict[str, Any]:
    said: dict[str, str] = about.custom_metadata_map
    found = {
        "description": about.description or said.get("description", ""),
        "version": str(about.version) if 0 < about.version < 2**62 else said.get("version", ""),
        "producer": about.producer_name,
        "graph": about.graph_name,
        "author": said.get("author", ""),
        "license": said.get("license", ""),
        "classes": _names(said, CLASS_KEYS),
        "outputs": [_output(output) for output in outputs],
    }
    return {key: value for key, value in found.items() if value}


def _output(output: Any) -> dict[str, Any]:
    shape = _shape(output)
    tensor = TENSOR.fullmatch(output.type)
    return {
        "name": output.name,
        "type": NUMPY_TYPES.get(tensor[1], "") if tensor else output.type,
        "shape": shape,
    }


def _columns(said: dict[str, str], inputs: list[Any]) -> list[str]:
    """The names of the columns, where the model has one table as its input and names of that number."""
    names = _names(said, COLUMN_KEYS)
    tables = [one for one in inputs if len(one.shape) == 2 and one.shape[1] == len(names)]
    return names if len(inputs) == 1 and tables and len(set(names)) == len(names) else []


def _names(said: dict[str, str], keys: tuple[str, ...]) -> list[str]:
    """The first of these entries that is a list, in JSON, in Python's notation or parted by commas."""
    text = next((said[key] for key in keys if said.get(key)), "")
    for read in (json.loads, ast.literal_eval):
        try:
            value: Any = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):  # numbers of classes to their names
            value = list(value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if isinstance(value, list):
            return [str(one) for one in cast(list[Any], value)]
    return [one.strip() for one in text.split(",")] if "," in text and text[0] not in "[{(" else []
