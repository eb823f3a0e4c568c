"""The folders of Hugging Face's models."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.guards.pickles import Scan
from modelport.settings.sizes import MIB
from modelport.sources.files.formats.format import CODE, Folder, Format, Found, Recognised
from modelport.sources.files.opening import check_pointer, is_folder, opened

CONFIG = "config.json"
CONFIG_BYTES = 8 * MIB
SAFE_INDEX = "model.safetensors.index.json"
PICKLED_INDEX = "pytorch_model.bin.index.json"
# Files that may name code of the model's own.
CONFIGURATIONS = (CONFIG, "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
ELSEWHERE = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index")
HEAD_BYTES = 4096
HEADER_LENGTH = struct.Struct("<Q")
MAX_HEADER = 100_000_000  # safetensors' own limit
MAX_SHOWN = 3

_TRANSFORMERS = Format(
    "transformers", "Hugging Face model", (), "transformers", "transformers", "transformers"
)


def _in_folder(folder: Folder) -> Found | None:
    path, names = folder.path, folder.names
    if CONFIG not in names or "adapter_config.json" in names:
        return None
    config = _json(path / CONFIG)
    if "model_type" not in config and "architectures" not in config:
        return None
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
        scan = folder.found_in_file(path / pickled[0]).scan
        dangers.append(f"has its weights in a pickle ({pickled[0]}), which {CODE}")
    return Found(path, _TRANSFORMERS, " and ".join(dangers), scan)


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


def is_safetensors(head: bytes, size: int) -> bool:
    """True for weights in safetensors' form."""
    if len(head) < HEADER_LENGTH.size + 2:
        return False
    length = HEADER_LENGTH.unpack_from(head)[0]
    return 2 <= length <= min(MAX_HEADER, size - HEADER_LENGTH.size) and head[HEADER_LENGTH.size] == ord("{")


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


TRANSFORMERS = Recognised((_TRANSFORMERS,), in_folder=_in_folder)
