"""Keras models (.keras and HDF5), and SavedModels of TensorFlow.

Read from the model: names, types and shapes of its inputs, names of its outputs. The answers are those of
`model.predict_on_batch`, the step that `model.predict` repeats.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, cast

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter, framework_module, loading
from modelport.sources.frameworks.saved_model import adapt_saved_model, load_saved_model

ROWS = "X"
MADE_UP = ("keras_tensor", "input_layer", "input_")  # names that Keras gives to inputs without one
BACKENDS = ("tensorflow", "torch", "jax")
HDF5 = b"\x89HDF\r\n\x1a\n"
CODE = (
    "a Keras model can hold code that runs when it is loaded, whatever Keras's safe mode says: "
    "export it to ONNX, or load it with --trust if you know who made it"
)


def load(path: Path, options: ModelOptions) -> Any:
    """A Keras model, not compiled for training, or the object of a SavedModel. Both need `trust`.

    Raises `ModelLoadError`.
    """
    if path.is_dir():
        return load_saved_model(path, options)
    if not options.trust:
        raise ModelLoadError(f"{path}: {CODE}")
    _choose_backend()
    keras = framework_module("keras", "keras")
    with loading(path, "keras"):
        with path.open("rb") as file:
            is_old = file.read(len(HDF5)) == HDF5
        return _read(keras, path, is_old)


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a Keras model or a loaded SavedModel; `None` for anything else."""
    if hasattr(obj, "signatures") and not hasattr(obj, "predict_on_batch"):
        return adapt_saved_model(obj, options)
    if not hasattr(obj, "predict_on_batch"):
        return None
    tensors: list[Any] = list(getattr(obj, "inputs", None) or [])
    inputs = [_input(tensor, len(tensors) == 1) for tensor in tensors]
    known = bool(inputs)
    if not known:  # a model of its own class says nothing of its inputs
        inputs = [Input(name=ROWS, dtype=options.dtype or "float32")]
    structure = getattr(obj, "_inputs_struct", None)
    keys: list[str] = list(structure) if isinstance(structure, dict) else []  # pyright: ignore[reportUnknownArgumentType]
    return FunctionAdapter(
        framework="keras",
        metadata=_metadata(obj),
        inputs=inputs,
        options=[],
        batches=known and all(one.shape and one.shape[0] is None for one in inputs),
        run=partial(_run, obj, (inputs, _by_key(keys, structure, inputs, tensors)), options.first_output),
    )


def _run(
    model: Any,
    how: tuple[list[Input], dict[str, str]],
    first_only: bool,
    given: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    inputs, keys = how
    values = {one.name: _value(given[one.name], one.dtype) for one in inputs}
    fed: Any
    if keys:
        fed = {key: values[name] for key, name in keys.items()}
    else:
        fed = list(values.values()) if len(values) > 1 else next(iter(values.values()))
    result = model.predict_on_batch(fed)
    if isinstance(result, (list, tuple)):
        several = cast(list[Any], result)
        names = list(getattr(model, "output_names", None) or [])
        if len(names) != len(several):
            names = [f"output_{number}" for number in range(len(several))]
        result = dict(zip(names, several, strict=True))
    if isinstance(result, dict) and (first_only or len(result) == 1):  # pyright: ignore[reportUnknownArgumentType]
        return next(iter(result.values()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return result  # pyright: ignore[reportUnknownVariableType]


def _value(array: Any, dtype: str) -> Any:
    numpy: Any = importlib.import_module("numpy")
    if dtype != "str":
        return numpy.asarray(array, dtype=dtype or None)
    tensorflow: Any = importlib.import_module("tensorflow")
    return tensorflow.convert_to_tensor(numpy.asarray(array, dtype=object).astype(str))


def _input(tensor: Any, alone: bool) -> Input:
    name = ROWS if alone and tensor.name.startswith(MADE_UP) else tensor.name
    dtype = {"string": "str", "bfloat16": "float32"}.get(str(tensor.dtype), str(tensor.dtype))
    return Input(name=name, dtype=dtype, shape=list(tensor.shape))


def _by_key(keys: list[str], structure: Any, inputs: list[Input], tensors: list[Any]) -> dict[str, str]:
    """The input for each key of a model that is called with a dictionary."""
    names = {id(tensor): one.name for tensor, one in zip(tensors, inputs, strict=False)}
    return {key: names[id(structure[key])] for key in keys if id(structure[key]) in names}


def _choose_backend() -> None:
    """Keras takes TensorFlow where nothing is said; take what is installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    if not installed:
        raise ModelLoadError(
            "Keras needs TensorFlow, torch or jax to compute: pip install 'modelport[tensorflow]'"
        )
    os.environ.setdefault("KERAS_BACKEND", installed[0])


def _read(keras: Any, path: Path, is_old: bool) -> Any:
    """Load a file whose content is known and trusted; Keras itself goes by the end of its name."""
    end = ".h5" if is_old else ".keras"
    with tempfile.TemporaryDirectory(prefix="modelport-keras-") as folder:
        named = path if path.suffix == end else Path(folder) / f"model{end}"
        if named != path:
            named.symlink_to(path.absolute())
        return keras.saving.load_model(str(named), compile=False, safe_mode=False)


def _metadata(model: Any) -> dict[str, Any]:
    keras: Any = importlib.import_module("keras")
    found = {
        "model": type(model).__name__,
        "title": model.name,
        "parameters": int(model.count_params()) if model.built else 0,
        "outputs": list(getattr(model, "output_names", None) or []),
        "keras": f"{keras.__version__} on {keras.backend.backend()}",
    }
    return {key: value for key, value in found.items() if value}
