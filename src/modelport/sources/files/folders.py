"""Folders that are models, and what others are."""

from __future__ import annotations

from pathlib import Path

from modelport.contract.errors import ModelLoadError
from modelport.sources.files.formats.format import Folder, Found, UnknownContentError
from modelport.sources.files.formats.known import KNOWN
from modelport.sources.files.formats.tensorflow import SAVED_MODEL
from modelport.sources.files.formats.transformers import CONFIG
from modelport.sources.files.single_files import found_in_file

MODEL_FILES = (
    ".onnx", ".skops", ".joblib", ".pkl", ".pickle", ".cbm", ".ubj", ".keras", ".pt2", ".pt", ".h5",
)  # fmt: skip
MAX_SHOWN = 3


def found_in_folder(path: Path) -> Found:
    """The model that a folder is. Raises `ModelLoadError` saying what is in it otherwise."""
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise ModelLoadError(f"{path}: this folder cannot be read: {error.strerror}") from None
    folder = Folder(path, names, found_in_file)
    for known in KNOWN:
        found = known.in_folder(folder) if known.in_folder is not None else None
        if found is not None:
            return found
    raise UnknownContentError(f"{path}: {_words(path, names)}")


def only_file(path: Path) -> Path | None:
    """The file of a model that lies in a folder which is no model itself, if it is the one there."""
    try:
        found_in_folder(path)
    except UnknownContentError:
        inner = [entry for entry in path.iterdir() if entry.name.endswith(MODEL_FILES) and entry.is_file()]
        of_mlflow = (path / "MLmodel").exists()
        return inner[0] if len(inner) == 1 and not of_mlflow else None
    return None


def is_model_folder(path: Path) -> bool:
    """True for a folder that looks like a model, so that its name is not taken for that of a module."""
    return any((path / name).is_file() for name in (*SAVED_MODEL, CONFIG))


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
