"""Pickles, of whichever package wrote them."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from modelport.contract.model_options import ModelOptions
from modelport.sources.files.formats.format import CODE, Found
from modelport.sources.files.formats.known import FORMATS
from modelport.sources.files.opening import opened
from modelport.sources.files.trust import check_trust
from modelport.sources.import_path import import_from_last, working_folder


def load(path: Path, options: ModelOptions) -> Any:
    """An object out of a pickle, which runs its code. Raises `ModelLoadError` without trust."""
    format = FORMATS[options.format]
    check_trust(Found(path, format, CODE), trust=options.trust)
    find_modules_beside(path)
    with opened(path) as file:
        if format.name == "joblib":
            joblib: Any = importlib.import_module("joblib")
            return joblib.load(file)
        return pickle.load(file)


def find_modules_beside(path: Path) -> None:
    """The classes of a file that may run code may be in modules of the working folder, or beside it."""
    import_from_last(*working_folder(), str(path.parent))
