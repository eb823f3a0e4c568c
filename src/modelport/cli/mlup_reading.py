"""The text of an mlup configuration file, YAML or JSON, as data: bounded, and without surprises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from modelport.settings.checking import SettingsError

MAX_FILE_BYTES = 1 << 17
YAML_ENDS = (".yaml", ".yml")
BLOCKS = ("ml", "web")


def is_mlup_file(text: str) -> bool:
    """True if a source is the path of an mlup configuration; a JSON file is one by what it holds."""
    path = Path(text)
    if path.suffix.lower() in YAML_ENDS:
        return True
    if path.suffix.lower() != ".json":
        return False
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return False
        held = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(held, dict) and any(block in held for block in BLOCKS)


def read_mlup_file(path: Path) -> dict[str, Any]:
    """What the file holds. Raises `SettingsError` naming the file and what is wrong with it."""
    try:
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: a configuration has at most {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        is_json = path.suffix.lower() == ".json"
        held = _json(text) if is_json else _yaml(text)
    except SettingsError:  # which is a ValueError
        raise
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read: {error.strerror}") from None
    except RecursionError:
        raise SettingsError(f"{path}: it is nested too deep") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    if not isinstance(held, dict):
        raise SettingsError(f"{path}: a configuration is a mapping with the blocks ml and web")
    return cast("dict[str, Any]", held)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None


def _yaml(text: str) -> Any:
    from modelport.cli.mlup_yaml import data_of_yaml  # most servers read no YAML

    return data_of_yaml(text)
