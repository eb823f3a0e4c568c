"""Several requests as one: their rows put together, and the predictions taken apart again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy

from modelport.contract.arrays.packing import pandas
from modelport.contract.arrays.parts import Part, whole_of

ROWS_AT_ONCE = 4096  # rows of different requests in one prediction; a request is never divided

Key = tuple[Any, ...]


def rows_of(array: Any) -> int:
    """The length of the first axis."""
    if type(array) is Part:
        return len(array)
    shape: Any = array.shape
    return int(shape[0]) if shape else 0


def groups(calls: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[list[int]]:
    """The numbers of the calls that can be predicted together.

    Each call is its inputs and its options. Options, types and the shape of a row must be equal, and the
    rows of a group are bounded; a call without rows stands alone.
    """
    open_groups: dict[Key, list[int]] = {}
    totals: dict[Key, int] = {}
    for number, (inputs, options) in enumerate(calls):
        rows = {rows_of(array) for array in inputs.values()}
        if len(rows) != 1 or 0 in rows:
            yield [number]
            continue
        count = rows.pop()
        key = (*map(_form, inputs.items()), repr(sorted(options.items())) if options else "")
        total = totals.get(key, 0) + count
        if total > ROWS_AT_ONCE and key in open_groups:
            yield open_groups.pop(key)
            total = count
        open_groups.setdefault(key, []).append(number)
        totals[key] = total
    yield from open_groups.values()


def _form(item: tuple[str, Any]) -> Key:
    name, array = item
    types = (*array.columns, *map(str, array.dtypes)) if hasattr(array, "dtypes") else array.dtype.str
    return name, types, array.shape[1:]


def together(several: list[dict[str, Any]]) -> dict[str, Any]:
    """The inputs of several calls as those of one."""
    return {name: _joined([inputs[name] for inputs in several]) for name in several[0]}


def _joined(arrays: list[Any]) -> Any:
    whole = whole_of(arrays)
    if whole is not None:
        return whole
    if isinstance(arrays[0], numpy.ndarray):
        return numpy.concatenate(arrays)
    return pandas().concat(arrays, ignore_index=True)


def apart(result: Any, counts: list[int]) -> list[Any] | None:
    """The predictions of each call; `None` if they are not one for each row."""
    if isinstance(result, dict):
        parts = {key: apart(value, counts) for key, value in cast("dict[Any, Any]", result).items()}
        if not parts or any(part is None for part in parts.values()):
            return None
        return [{key: cast("Any", part)[i] for key, part in parts.items()} for i in range(len(counts))]
    shape: Any = getattr(result, "shape", None)
    length = (shape[0] if shape else -1) if shape is not None else _length(result)
    if length != sum(counts):
        return None
    taken = result.iloc if hasattr(result, "iloc") else result
    ends = [int(end) for end in numpy.cumsum(counts)]
    return [taken[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _length(result: Any) -> int:
    return len(cast("Any", result)) if isinstance(result, (list, tuple)) else -1
