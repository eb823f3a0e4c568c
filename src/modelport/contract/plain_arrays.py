"""Arrays, their elements, tensors and sparse matrices as lists and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from modelport.contract.plain import key_texts, plain
from modelport.contract.plain_times import duration_of, moment_text

MAX_DENSE = 10_000_000  # cells of a sparse matrix that is written out
SECONDS = {"W": 604800, "D": 86400, "h": 3600, "m": 60, "s": 1}
DIGITS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}
NAT = -(2**63)


def array_form(kind: type[object]) -> Callable[[Any], Any] | None:
    """What makes values of an array's type plain; `None` if it is none."""
    if any(base.__module__.partition(".")[0] == "numpy" for base in kind.__mro__):
        return array_values if hasattr(kind, "dtype") and hasattr(kind, "tolist") else None
    if hasattr(kind, "detach") and hasattr(kind, "cpu"):  # torch
        return _tensor
    if hasattr(kind, "toarray") and hasattr(kind, "tocoo"):  # scipy
        return _sparse
    if hasattr(kind, "tolist"):  # cupy, jax, array.array
        return lambda value: plain(value.tolist())
    return None


def _tensor(value: Any) -> Any:
    near = value.detach().cpu()
    return plain((near.to_dense() if getattr(near, "is_sparse", False) else near).tolist())


def _sparse(value: Any) -> Any:
    cells = math.prod(value.shape)
    if cells > MAX_DENSE:
        shape = " x ".join(map(str, value.shape))
        raise TypeError(f"a sparse matrix of {shape} is over {MAX_DENSE} cells; return its rows and columns")
    return array_values(value.toarray())


def array_values(value: Any) -> Any:
    """An array or an element of one: lists in lists to its shape, objects for fields, None where masked."""
    import numpy

    array = cast("Any", value if isinstance(value, numpy.ndarray) else numpy.asarray(value))
    kind: str = array.dtype.kind
    masked = isinstance(value, numpy.ma.MaskedArray) and not array.dtype.names
    if kind in "biuU" or (kind == "f" and array.dtype.itemsize <= 8):
        return array.tolist()  # None where masked
    if 0 in array.shape:
        return numpy.empty(array.shape).tolist()
    flat = _cells((numpy.ma.getdata(array) if masked else array).reshape(-1))
    if masked:
        hidden: list[bool] = numpy.ma.getmaskarray(array).reshape(-1).tolist()
        flat = [None if hide else cell for cell, hide in zip(flat, hidden, strict=True)]
    return _shaped(flat, array.shape)


def _cells(flat: Any) -> list[Any]:
    """The elements of an array of one axis."""
    dtype = flat.dtype
    if not dtype.isnative and dtype.kind in "mM":
        flat = flat.astype(dtype.newbyteorder("="))  # numpy writes others as other dates
    if dtype.kind == "M":
        return _moments(flat)
    if dtype.kind == "m":
        return _durations(flat)
    if dtype.kind == "f":
        return [_long(one) for one in flat]
    if dtype.kind == "c":
        return [str(complex(one)) for one in flat]
    if dtype.names:
        names = key_texts(dtype.names, "fields")
        columns = [array_values(flat[name]) for name in dtype.names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [plain(one) for one in flat.tolist()]


def _shaped(flat: list[Any], shape: tuple[int, ...]) -> Any:
    """Elements in the order of their memory as lists in lists."""
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat if shape else flat[0]


def _long(one: Any) -> Any:
    """A number with more digits than JSON's readers have: rounded, or as text where it is too large."""
    near = float(one)
    return str(one) if math.isinf(near) and bool(one - one == 0) else near


def _moments(flat: Any) -> list[Any]:
    import numpy

    unit = numpy.datetime_data(flat.dtype)[0]
    if unit == "generic":
        return [None] * len(flat)  # only NaT has no unit
    texts = cast("list[str]", cast("Any", numpy.datetime_as_string(flat)).tolist())
    return [moment_text(text, unit) for text in texts]


def _durations(flat: Any) -> list[Any]:
    import numpy

    unit, count = numpy.datetime_data(flat.dtype)
    return [None if one == NAT else _duration(one * count, unit) for one in flat.astype("int64").tolist()]


def _duration(count: int, unit: str) -> Any:
    if unit in SECONDS:
        return duration_of(count * SECONDS[unit], 0)
    if unit in DIGITS:
        return duration_of(count, DIGITS[unit])
    if unit in ("Y", "M"):  # which are of no fixed length
        return f"{'-' if count < 0 else ''}P{abs(count)}{unit}"
    return count
