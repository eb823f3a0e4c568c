"""A whole service as one file, `modelport serve service.toml`, whose relative paths begin where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelport.home import expanded
from modelport.settings.checking import declarations
from modelport.settings.declaring import Written
from modelport.settings.files import FileSettings, settings_of_file
from modelport.settings.settings import SOURCE
from modelport.sources.source import beside


def service_file(path: Path) -> FileSettings:
    """What the file sets, with its relative paths as they are seen from the working folder.

    Raises `SettingsError`.
    """
    read = settings_of_file(path)
    folder = path.parent

    def placed(name: str, value: Any) -> Any:
        if name == SOURCE:
            return beside(value, folder)
        if name == "sources":
            return [beside(text, folder) for text in value]
        if value and name in declarations() and declarations()[name].is_path:
            return str(folder / expanded(value))
        return value

    return FileSettings(
        _with(placed, read.values), {model: _with(placed, own) for model, own in read.models.items()}
    )


def _with(placed: Callable[[str, Any], Any], values: Mapping[str, Written]) -> dict[str, Written]:
    return {name: Written(placed(name, found.value), found.where) for name, found in values.items()}
