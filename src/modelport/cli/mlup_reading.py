"""The text of an mlup configuration file, YAML or JSON, as data: bounded, and without surprises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import yaml

from modelport.configuration import SettingsError

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
        held = json.loads(text) if is_json else _yaml(text)
    except SettingsError:  # which is a ValueError
        raise
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read: {error.strerror}") from None
    except RecursionError:
        raise SettingsError(f"{path}: it is nested too deep") from None
    except ValueError as error:
        raise SettingsError(f"{path}: it is not valid JSON: {error}") from None
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        raise SettingsError(f"{path}: it is not valid YAML: {words}") from None
    if not isinstance(held, dict):
        raise SettingsError(f"{path}: a configuration is a mapping with the blocks ml and web")
    return cast("dict[str, Any]", held)


def _yaml(text: str) -> Any:
    """YAML without aliases, which a few lines could blow up to any size, and without a key twice.

    Raises `yaml.YAMLError`.
    """
    api: Any = yaml
    for event in api.parse(text, api.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not supported (line {event.start_mark.line + 1})")
    _check_keys(api.compose(text, api.SafeLoader))
    return api.safe_load(text)


def _check_keys(node: Any) -> None:
    if isinstance(node, yaml.MappingNode):
        pairs: list[Any] = node.value
        keys = [key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"the key {twice!r} stands there twice")
        for _, below in pairs:
            _check_keys(below)
    elif isinstance(node, yaml.SequenceNode):
        items: list[Any] = node.value
        for below in items:
            _check_keys(below)
