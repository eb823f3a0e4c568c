"""Folders that are models: TensorFlow's SavedModel and Hugging Face's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.guards.pickles import Scan
from modelport.settings import MIB
from modelport.sources.files.formats import CODE, FORMATS
from modelport.sources.files.found import Found, UnknownContentError
from modelport.sources.files.heads import is_safetensors
from modelport.sources.files.opening import check_pointer, is_folder, opened
from modelport.sources.files.single_files import found_in_file

SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
CONFIG_BYTES = 8 * MIB
SAFE_INDEX = "model.safetensors.index.json"
PICKLED_INDEX = "pytorch_model.bin.index.json"
# Files that may name code of the model's own.
CONFIGURATIONS = ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
ELSEWHERE = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index")
MODEL_FILES = (
    ".onnx", ".skops", ".joblib", ".pkl", ".pickle", ".cbm", ".ubj", ".keras", ".pt2", ".pt", ".h5",
)  # fmt: skip
HEAD_BYTES = 4096
MAX_SHOWN = 3


def found_in_folder(path: Path) -> Found:
    """The model that a folder is. Raises `ModelLoadError` saying what is in it otherwise."""
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise ModelLoadError(f"{path}: this folder cannot be read: {error.strerror}") from None
    if any(name in names for name in SAVED_MODEL):
        return Found(path, FORMATS["tensorflow"])
    if "config.json" in names and "adapter_config.json" not in names:
        config = _json(path / "config.json")
        if "model_type" in config or "architectures" in config:
            return _hugging_face(path, names)
    raise UnknownContentError(f"{path}: {_words(path, names)}")


def is_model_folder(path: Path) -> bool:
    """True for a folder that looks like a model, so that its name is not taken for that of a module."""
    return any((path / name).is_file() for name in (*SAVED_MODEL, "config.json"))


def _words(path: Path, names: list[str]) -> str:
    if not names:
        return "it is an empty folder; name the model's file"
    if "adapter_config.json" in names:
        return "it is an adapter (PEFT) without its model; merge it into the model and save that"
    if "MLmodel" in names:
        return "it is a folder of MLflow; name the model's own file in it, or serve it as mlflow:URI"
    inner = [name for name in names if name.endswith(MODEL_FILES)][:MAX_SHOWN]
    if inner:
        return f"it is a folder; name the model's file: {' or '.join(str(path / name) for name in inner)}"
    python = [name for name in names if name.endswith(".py")][:MAX_SHOWN]
    if python:
        return f"it is a folder; name the Python file: {' or '.join(str(path / name) for name in python)}"
    return "it is a folder, but neither a SavedModel nor a Hugging Face model; name the model's file"


def _hugging_face(path: Path, names: list[str]) -> Found:
    dangers = [
        f"runs the code that {name} names (auto_map)"
        for name in CONFIGURATIONS
        if name in names and _names_code(_json(path / name))
    ]
    scan = Scan()
    safe = _weights(path, names, SAFE_INDEX, ".safetensors")
    if safe:
        for name in safe:
            _check_safetensors(path / name)
    else:
        pickled = _weights(path, names, PICKLED_INDEX, ".bin")
        if not pickled:
            raise ModelLoadError(f"{path}: {_no_weights(names)}")
        scan = found_in_file(path / pickled[0]).scan
        dangers.append(f"has its weights in a pickle ({pickled[0]}), which {CODE}")
    return Found(path, FORMATS["transformers"], " and ".join(dangers), scan)


def _no_weights(names: list[str]) -> str:
    others = [name for name in ELSEWHERE if name in names]
    if others:
        return f"it has weights of another framework only ({others[0]}); save them as model.safetensors"
    return "it is a Hugging Face model without weights; put its model.safetensors there"


def _weights(path: Path, names: list[str], index: str, suffix: str) -> list[str]:
    """The files of the weights; those that an index lists have to be there."""
    if index in names:
        listed: Any = _json(path / index).get("weight_map")
        known = cast("dict[str, Any]", listed) if isinstance(listed, dict) else {}
        shards = sorted({str(name) for name in known.values()})
        missing = [name for name in shards if name not in names]
        if missing or not shards:
            raise ModelLoadError(
                f"{path}: {', '.join(missing[:MAX_SHOWN]) or 'every file'} of its weights is missing "
                f"({index} lists {len(shards)}); copy or download the model again"
            )
        return shards
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    return [name for name in names if name == stem + suffix]


def _check_safetensors(path: Path) -> None:
    head, size = _head(path)
    check_pointer(path, head)
    if not is_safetensors(head, size):
        raise ModelLoadError(f"{path}: it is no safetensors file, or is cut off; copy or download it again")


def _head(path: Path) -> tuple[bytes, int]:
    if is_folder(path):
        raise ModelLoadError(f"{path}: it is a folder, not the weights; copy or download the model again")
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
        return head, file.seek(0, 2)


def _names_code(config: dict[str, Any]) -> bool:
    return "auto_map" in config or "custom_pipelines" in config


def _json(path: Path) -> dict[str, Any]:
    if is_folder(path):
        raise ModelLoadError(f"{path}: it is a folder, not a file; copy or download the model again")
    with opened(path) as file:
        text = file.read(CONFIG_BYTES + 1)
    check_pointer(path, text)
    try:
        value: Any = json.loads(text) if len(text) <= CONFIG_BYTES else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ModelLoadError(
            f"{path}: it is no JSON object of a model's size; copy or download the model again"
        )
    return cast("dict[str, Any]", value)
