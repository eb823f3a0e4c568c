"""Pickled applications of mlup: what tells one, and the model inside."""

from __future__ import annotations

from typing import Any

from modelport.sources.files.formats.format import Found
from modelport.sources.files.formats.pickles import PICKLES

APPLICATION = "mlup.up.UP"


def holds_application(found: Found) -> bool:
    """True for a pickle that makes an application of mlup; it is not loaded to tell."""
    return found.format.name in PICKLES and APPLICATION in found.scan.names


def model_of(loaded: Any) -> Any:
    """The model of an application, which loads it if it has not; anything else as it is.

    Raises whatever the application raises while it does so.
    """
    if not any(f"{cls.__module__}.{cls.__qualname__}" == APPLICATION for cls in type(loaded).__mro__):
        return loaded
    inner = loaded.ml
    if not inner.loaded:
        inner.load()
    return inner.model_obj
