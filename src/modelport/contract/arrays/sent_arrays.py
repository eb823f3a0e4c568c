"""Inputs that come as arrays already, as of tensors: taken as they lie in memory, if they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from modelport.contract.arrays.cells import Rule

KINDS = {"bool": "b", "int": "iu", "float": "fiub"}  # of the elements that each takes, as numpy names them


def fitted(array: Any, shape: Sequence[int | None], rule: Rule) -> Any | None:
    """The array in the type of the rule; `None` if there is anything to look at, value by value.

    An empty `shape` leaves it to the model. What has this type already is not copied, nor looked at but for
    values that are no finite numbers.
    """
    if array.dtype.kind not in KINDS.get(rule.kind, "") or rule.dtype == "object":
        return None
    if shape and not _has_shape(array, shape):
        return None
    wanted = numpy.dtype(rule.dtype)
    if array.dtype != wanted:
        if wanted.kind in "iu" and array.size and not rule.least <= array.min() <= array.max() <= rule.most:
            return None
        with numpy.errstate(over="ignore"):
            array = array.astype(wanted)
    if wanted.kind == "f" and not numpy.isfinite(array).all():
        return None
    return array


def _has_shape(array: Any, shape: Sequence[int | None]) -> bool:
    if len(array.shape) != len(shape):
        return False
    return all(wanted in (None, given) for given, wanted in zip(array.shape, shape, strict=True))
