"""Zip archives: which model they hold, by their directory."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from modelport.contract.errors import ModelLoadError
from modelport.guards.archives import BROKEN, check_directory, check_nested, check_sizes, scan_of_members
from modelport.guards.keras_layers import danger_of_layers
from modelport.settings import MIB
from modelport.sources.files.formats import CODE, FORMATS
from modelport.sources.files.found import Found, UnknownContentError

CONFIG_BYTES = 16 * MIB


def found_in_zip(path: Path, file: BinaryIO, size: int) -> Found:
    """The model that a zip holds. Raises `FileRefused` for bombs, `ModelLoadError` for other things."""
    check_directory(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_sizes(members, size)
            return _found(path, archive, members)
    except BROKEN as error:
        raise ModelLoadError(
            f"{path}: this zip archive is damaged ({error}); copy or save the model again"
        ) from None


def _found(path: Path, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Found:
    names = {member.filename for member in members}
    inner = {name.partition("/")[2] or name for name in names}  # torch puts all into one folder
    if "schema.json" in names:
        check_nested(archive, members)
        return Found(path, FORMATS["skops"])
    if "config.json" in names and ("model.weights.h5" in names or "metadata.json" in names):
        check_nested(archive, members)
        return Found(path, FORMATS["keras"], _danger_of_keras(path, archive))
    if (
        "serialized_exported_program.json" in names
        or "archive_format" in inner
        or "models/model.json" in inner
    ):
        return Found(path, FORMATS["torch-export"])
    if "data.pkl" in inner:
        if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
            return Found(path, FORMATS["torchscript"])
        return Found(path, FORMATS["torch"], CODE, scan_of_members(archive, members))
    raise UnknownContentError(f"{path}: {_words_for_others(names)}")


def _words_for_others(names: set[str]) -> str:
    if not names:
        return "it is an empty zip archive"
    if all(name.endswith(".npy") for name in names):
        return "it holds numpy arrays (npz), not a model; save the model itself"
    shown = ", ".join(sorted(names)[:3]) + (" …" if len(names) > 3 else "")
    return f"it is a zip archive of no model format ({shown[:200]}); unpack it and name the model in it"


def _danger_of_keras(path: Path, archive: zipfile.ZipFile) -> str:
    member = archive.getinfo("config.json")
    if member.file_size > CONFIG_BYTES:
        raise ModelLoadError(f"{path}: its config.json has {member.file_size} bytes, which no model has")
    try:
        config: Any = json.loads(archive.read(member))
    except (ValueError, RecursionError):
        raise ModelLoadError(f"{path}: its config.json is no JSON; save the model again") from None
    return danger_of_layers(config)
