"""Every setting once, with its range and its choices; and how settings are read."""

from __future__ import annotations

from modelport.settings.folders import data_folder, normal_base_path
from modelport.settings.settings import Settings

__all__ = ["Settings", "data_folder", "normal_base_path"]
