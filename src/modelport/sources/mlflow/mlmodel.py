"""The file `MLmodel` of a model's folder: its flavors and the signature that MLflow has recorded."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, cast

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.settings.sizes import MIB
from modelport.sources.files.opening import is_folder, opened

FILE = "MLmodel"
MAX_BYTES = 8 * MIB
Specs = list[dict[str, Any]]


class MLmodel(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. `None` for inputs, outputs or params means that MLflow has recorded none."""

    flavors: dict[str, dict[str, Any]]
    inputs: Specs | None = None
    outputs: Specs | None = None
    params: Specs | None = None
    mlflow_version: str = ""
    created: str = ""


def read_mlmodel(folder: Path, shown: str) -> MLmodel:
    """Read a model's description. Raises `ModelLoadError` if there is none, or it cannot be read."""
    path = folder / FILE
    if not is_folder(folder) or not path.exists() or is_folder(path):
        raise ModelLoadError(f"{shown}: it is no model: there is no file {FILE} in it")
    with opened(path) as file:
        text = file.read(MAX_BYTES + 1)
    yaml: Any = importlib.import_module("yaml")
    try:
        value: Any = yaml.safe_load(text) if len(text) <= MAX_BYTES else None
    except (yaml.YAMLError, RecursionError, ValueError):
        value = None
    flavors: Any = cast("dict[str, Any]", value).get("flavors") if isinstance(value, dict) else None
    if not isinstance(flavors, dict) or not all(
        isinstance(one, dict) for one in cast("dict[str, Any]", flavors).values()
    ):
        raise ModelLoadError(f"{shown}: its file {FILE} is damaged, or none of MLflow's; log the model again")
    found = cast("dict[str, Any]", value)
    signature: Any = found.get("signature") or {}
    return MLmodel(
        flavors={str(name): one for name, one in cast("dict[str, Any]", flavors).items()},
        inputs=specs(signature, "inputs", shown),
        outputs=specs(signature, "outputs", shown),
        params=specs(signature, "params", shown),
        mlflow_version=str(found.get("mlflow_version") or ""),
        created=str(found.get("utc_time_created") or ""),
    )


def specs(signature: Any, key: str, shown: str) -> Specs | None:
    """One part of a signature: MLflow writes each as JSON. Raises `ModelLoadError` if it is none."""
    parts = cast("dict[str, Any]", signature) if isinstance(signature, dict) else {key: signature}
    text: Any = parts.get(key)
    if text is None:
        return None
    try:
        value: Any = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in cast("list[Any]", value)):
        raise ModelLoadError(f"{shown}: the {key} of its signature are damaged; log the model again")
    return cast(Specs, value)
