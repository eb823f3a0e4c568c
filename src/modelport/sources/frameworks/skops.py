"""Models of scikit-learn out of the archives of skops."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions

MAX_TYPES = 10


def load(path: Path, options: ModelOptions) -> Any:
    """An object out of a skops file. Types that skops does not know need trust."""
    skops: Any = importlib.import_module("skops.io")
    unknown: list[str] = list(skops.get_untrusted_types(file=path))
    if unknown and not options.trust:
        more = [f"{len(unknown) - MAX_TYPES} more"] if len(unknown) > MAX_TYPES else []
        named = ", ".join([*unknown[:MAX_TYPES], *more])
        raise ModelLoadError(
            f"{path}: it has types that skops does not know to be safe: {named}. Load it with --trust if you "
            "know who made it and what these are"
        )
    return skops.load(path, trusted=unknown)
