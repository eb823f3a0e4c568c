"""Checked columns and values, packed into the arrays and DataFrames that a model takes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy

from modelport.contract.arrays.cells import Rule, flat_array, frame_column


@lru_cache(maxsize=1)
def pandas() -> Any:
    """pandas, imported when the first frame is needed."""
    return importlib.import_module("pandas")


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...]) -> Any:
    return pandas().Index(names)


def frame(columns: list[Sequence[Any]], names: list[str], rules: list[Rule]) -> Any:
    """A DataFrame of these columns."""
    ready = {name: _series(values, rule) for name, values, rule in zip(names, columns, rules, strict=True)}
    return pandas().DataFrame(ready, columns=_index(tuple(names)))


def _series(values: Sequence[Any], rule: Rule) -> Any:
    if rule.kind == "str" and set(map(type, values)) == {type(None)}:
        return pandas().Series(["", *values]).iloc[1:].array  # the type that it has beside text
    return frame_column(values, rule)


def frame_of(array: Any, names: list[str]) -> Any:
    """A DataFrame over an array of two axes."""
    return pandas().DataFrame(array, columns=_index(tuple(names)))


def matrix(columns: list[Sequence[Any]], dtype: str) -> Any:
    """An array of two axes out of its columns."""
    array = numpy.empty((len(columns[0]) if columns else 0, len(columns)), dtype=dtype)
    for number, values in enumerate(columns):
        array[:, number] = flat_array(values, dtype)
    return array


def empty(shape: list[int | None], dtype: str) -> Any:
    """An array without rows."""
    return numpy.empty((0, *[length or 0 for length in shape[1:]]), dtype=dtype)


def array_of(cells: list[Any], shape: tuple[int, int], rule: Rule) -> Any | None:
    """An array of values that have been looked at; `None` if a number does not fit into its type."""
    try:
        if rule.dtype in ("float64", "object"):
            return numpy.array(cells, dtype=rule.dtype).reshape(shape)
        with numpy.errstate(over="ignore"):
            array: Any = numpy.array(cells, dtype=rule.dtype).reshape(shape)
    except OverflowError:
        return None
    if rule.kind == "float" and rule.most < math.inf and bool(numpy.isinf(array).any()):
        return None
    return array
