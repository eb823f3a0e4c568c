"""Every setting once, with its range and its choices; and how settings are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelport.settings.folders import data_folder, normal_base_path, outer_path
    from modelport.settings.settings import Settings

__all__ = ["Settings", "data_folder", "normal_base_path", "outer_path"]

_HOMES = {
    "Settings": "modelport.settings.settings",
    "data_folder": "modelport.settings.folders",
    "normal_base_path": "modelport.settings.folders",
    "outer_path": "modelport.settings.folders",
}


def __getattr__(name: str) -> Any:
    """One of these names, imported when it is first used: workers need sizes, and no settings."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
