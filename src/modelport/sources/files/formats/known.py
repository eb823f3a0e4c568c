"""The formats of model files that can be served: a line for each file that tells some."""

from __future__ import annotations

from modelport.contract.errors import ModelLoadError
from modelport.sources.files.formats.catboost import CATBOOST
from modelport.sources.files.formats.format import Format
from modelport.sources.files.formats.keras import KERAS
from modelport.sources.files.formats.lightgbm import LIGHTGBM
from modelport.sources.files.formats.onnx import ONNX
from modelport.sources.files.formats.pickles import PICKLED
from modelport.sources.files.formats.skops import SKOPS
from modelport.sources.files.formats.tensorflow import TENSORFLOW
from modelport.sources.files.formats.torch import TORCH
from modelport.sources.files.formats.transformers import TRANSFORMERS
from modelport.sources.files.formats.xgboost import XGBOOST
from modelport.sources.near_names import did_you_mean

# In the order in which they are asked.
KNOWN = (
    SKOPS,
    PICKLED,
    ONNX,
    XGBOOST,
    LIGHTGBM,
    CATBOOST,
    KERAS,
    TORCH,
    TENSORFLOW,
    TRANSFORMERS,
)
FORMATS: dict[str, Format] = {format.name: format for known in KNOWN for format in known.formats}


def format_named(name: str) -> Format:
    """The format of this name. Raises `ModelLoadError` with the names there are."""
    found = FORMATS.get(name)
    if found is None:
        known = ", ".join(FORMATS)
        raise ModelLoadError(f"there is no format {name!r}{did_you_mean(name, FORMATS)} (there are: {known})")
    return found
