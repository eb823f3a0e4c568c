"""Models of MLflow that only MLflow can call: custom ones, and flavors that have no loader here.

Their signature says what they take. MLflow checks each input against it again before it calls the model.
"""

from __future__ import annotations

import base64
import binascii
import importlib
from functools import partial
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, CellsRefused, Input
from modelport.contract.arrays.findings import Fault
from modelport.contract.errors import ArgumentErrors
from modelport.contract.model_options import ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter, first_line
from modelport.sources.mlflow.mlmodel import Specs, specs
from modelport.sources.mlflow.signature import inputs_of, is_tensors, outputs_of, params_of

BINARY: Fault = ("base64", "Input should be a string in base64")


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a loaded `python_function`; `None` for anything else. Raises `ModelLoadError`."""
    if type(obj).__name__ != "PyFuncModel":
        return None
    said: Any = obj.metadata.signature
    recorded: Any = said.to_dict() if said is not None else {}
    params = params_of(specs(recorded, "params", "this model"))
    given = specs(recorded, "inputs", "this model")
    inputs = inputs_of(given, {param.name for param in params})
    outputs = outputs_of(specs(recorded, "outputs", "this model"))
    return FunctionAdapter(
        framework="mlflow",
        metadata=_metadata(obj) | ({"outputs": outputs} if outputs else {}),
        inputs=inputs,
        options=params,
        batches=False,  # nothing says that the rows of such a model do not depend on each other
        run=partial(_run, obj, inputs, given or []),
    )


def _metadata(obj: Any) -> dict[str, Any]:
    implementation: Any = obj.unwrap_python_model() if _is_custom(obj) else None
    name = type(implementation).__name__ if implementation is not None else ""
    return {"model": name} if name else {}


def _is_custom(obj: Any) -> bool:
    flavor: Any = obj.metadata.flavors.get("python_function", {})
    return flavor.get("loader_module") == "mlflow.pyfunc.model"


def _run(
    model: Any, inputs: list[Input], given: Specs, values: dict[str, Any], options: dict[str, Any]
) -> Any:
    data = _data(inputs, given, values)
    try:
        return model.predict(data, params=options) if options else model.predict(data)
    except Exception as error:
        message = _refusal(error)
        if message is None:
            raise
        named = next((name for name in options if f"'{name}'" in message), inputs[0].name)
        raise ArgumentErrors({named: [message]}) from error


def _refusal(error: Exception) -> str | None:
    """What MLflow says of an input that does not fit the signature; `None` for any other error."""
    if type(error).__name__ != "MlflowException":
        return None
    said: Any = error
    if getattr(said, "error_class", "") == "SCHEMA_ENFORCEMENT_FAILED":
        return first_line(Exception(str(error).rpartition("Error: ")[2]))
    return first_line(error) if getattr(said, "error_code", "") == "INVALID_PARAMETER_VALUE" else None


def _data(inputs: list[Input], given: Specs, values: dict[str, Any]) -> Any:
    """The inputs in the form that MLflow expects for this signature."""
    if is_tensors(given):
        named = {one.name: values[one.name] for one in inputs if values.get(one.name) is not None}
        return named if given[0].get("name") else next(iter(named.values()))
    rows = values[inputs[0].name]
    if inputs[0].columns:
        return _framed(rows, given)
    if len(given) > 1:
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(rows)
    listed: list[Any] = rows.tolist()
    return listed if given else _unsigned(listed)


def _unsigned(rows: list[Any]) -> Any:
    """Rows for a model without a signature: objects as a DataFrame, anything else as an array."""
    if rows and set(map(type, rows)) == {dict}:
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(rows)
    numpy: Any = importlib.import_module("numpy")
    try:
        return numpy.array(rows)
    except ValueError:  # rows of different lengths
        return rows


def _framed(frame: Any, given: Specs) -> Any:
    """The frame with each column in the type of the signature, without those that no row has."""
    columns: dict[str, Any] = {}
    for spec in given:
        name = str(spec["name"])
        if name in frame.columns:
            columns[name] = _converted(frame[name], name, str(spec.get("type")))
    pandas: Any = importlib.import_module("pandas")
    return pandas.DataFrame(columns, index=frame.index)


def _converted(column: Any, name: str, kind: str) -> Any:
    if kind == "float":
        return column.astype("float32")
    if kind == "binary":
        pandas: Any = importlib.import_module("pandas")
        values = [_read(value, _decoded, (row, name, BINARY)) for row, value in enumerate(column)]
        return pandas.Series(values, index=column.index, dtype=object)
    # pandas has a type of its own for text, which MLflow's models were not written for.
    return column.astype(object) if kind == "string" else column


def _read(value: Any, read: Any, cell: tuple[int, str, Fault]) -> Any:
    if value is None or value != value:
        return None
    try:
        return read(value)
    except ValueError:
        raise CellsRefused([cell]) from None


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
