"""TensorFlow's SavedModel folders, by their signature for serving."""

from __future__ import annotations

import importlib
import os
from functools import partial
from pathlib import Path
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter, framework_module, loading

SERVING = "serving_default"
PROGRAM = (
    "a SavedModel is a program that can read and write files: convert it to ONNX, "
    "or load it with --trust if you know who made it"
)


def load_saved_model(path: Path, options: ModelOptions) -> Any:
    """The restored object of the folder, which needs `trust`. Raises `ModelLoadError`."""
    if not options.trust:
        raise ModelLoadError(f"{path}: {PROGRAM}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    tensorflow = framework_module("tensorflow", "tensorflow")
    with loading(path, "tensorflow", "is the folder whole (saved_model.pb and variables)?"):
        return tensorflow.saved_model.load(str(path))


def adapt_saved_model(obj: Any, options: ModelOptions) -> ArrayAdapter:
    """An adapter for the signature of a restored SavedModel. Raises `ModelLoadError` where it has none."""
    names: list[str] = list(obj.signatures)
    chosen = SERVING if SERVING in names else names[0] if len(names) == 1 else ""
    if not chosen:
        said = f"only {', '.join(names)}" if names else "none"
        raise ModelLoadError(
            f"it has no signature {SERVING!r} ({said}): export it with model.export() in Keras"
        )
    signature = obj.signatures[chosen]
    specs: dict[str, Any] = signature.structured_input_signature[1]
    inputs = [_input(name, spec) for name, spec in specs.items()]
    outputs: dict[str, Any] = signature.structured_outputs
    return FunctionAdapter(
        framework="tensorflow",
        metadata={"signature": chosen, "outputs": [_output(name, spec) for name, spec in outputs.items()]},
        inputs=inputs,
        options=[],
        batches=all(_is_free(spec) for spec in [*specs.values(), *outputs.values()]),
        # The object is kept, since its signatures alone do not keep its variables.
        run=partial(_run, (obj, signature), specs, options.first_output),
    )


def _run(
    loaded: tuple[Any, Any],
    specs: dict[str, Any],
    first_only: bool,
    given: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    tensorflow: Any = importlib.import_module("tensorflow")
    numpy: Any = importlib.import_module("numpy")
    tensors: dict[str, Any] = {}
    for name, spec in specs.items():
        array = numpy.asarray(given[name])
        text = spec.dtype == tensorflow.string
        tensors[name] = tensorflow.constant(array.astype(str) if text else array, dtype=spec.dtype)
    results = loaded[1](**tensors)
    arrays = {name: _array(result) for name, result in results.items()}
    return next(iter(arrays.values())) if first_only or len(arrays) == 1 else arrays


def _array(tensor: Any) -> Any:
    array = tensor.numpy()
    if array.dtype != object:
        return array
    numpy: Any = importlib.import_module("numpy")
    return numpy.frompyfunc(_text, 1, 1)(array)


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _input(name: str, spec: Any) -> Input:
    kind: str = spec.dtype.name
    dtype = {"string": "str", "bfloat16": "float32"}.get(kind, kind)
    return Input(name=name, dtype=dtype, shape=_shape(spec))


def _output(name: str, spec: Any) -> dict[str, Any]:
    return {"name": name, "type": spec.dtype.name, "shape": _shape(spec)}


def _shape(spec: Any) -> list[int | None]:
    return [] if spec.shape.rank is None else spec.shape.as_list()


def _is_free(spec: Any) -> bool:
    shape = _shape(spec)
    return bool(shape) and shape[0] is None
