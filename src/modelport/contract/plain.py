"""The one place that gives everything a model may return its natural form in JSON.

Python's own types, then those of numpy and torch, then pandas', Polars' and Arrow's: each may hold any
other, so they stand together. They are told by their class alone, so that no framework is imported here.
"""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import datetime
import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, cast

import msgspec

from modelport.contract.plain_checks import is_plain
from modelport.contract.plain_times import date_text, duration_text, durations_of, moments_of

FRAMES = ("pandas", "polars", "pyarrow")  # the packages whose types are tables and columns
COLUMNS = "columns of a table"
MAX_DENSE = 10_000_000  # cells of a sparse matrix that is written out
LISTS = (abc.Sequence, abc.Set, abc.MappingView, abc.Iterator)


def plain(value: Any) -> Any:
    """`value` as dictionaries with text as keys, lists, text, numbers, booleans and None.

    Dates and times are ISO 8601, bytes base64, and what is missing (NaT, NA, masked cells) is None; floats
    keep their NaN and infinities. What has no form but a text of its own is that text. Raises `TypeError` for
    what has neither, and where two keys or columns are the same as text; `RecursionError` for a cycle.
    """
    if is_plain(value):
        return value
    return _form(cast("type[object]", type(value)))(value)


def key_text(key: Any) -> str:
    """The key of a JSON object for any key of a dictionary or name of a column."""
    if isinstance(key, float) and not math.isfinite(key):
        return str(float.__float__(key))
    if isinstance(key, (tuple, list)):
        parts = [plain(part) for part in cast("list[Any]", key)]
        return str(tuple(parts))
    ready = plain(key)
    return ready if isinstance(ready, str) else json.dumps(ready)


def key_texts(keys: Iterable[Any], what: str = "keys") -> list[str]:
    """The texts of all keys of an object. Raises `TypeError` if two are the same, as one would be lost."""
    given = list(keys)
    texts = [key if type(key) is str else key_text(key) for key in given]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        same = ", ".join(repr(key) for key, text in zip(given, texts, strict=True) if text == twice)
        raise TypeError(f"an object of JSON has each name once, but {what} are {twice!r} as text: {same}")
    return texts


@lru_cache(maxsize=1024)
def _form(kind: type[object]) -> Callable[[Any], Any]:
    """What makes values of a type plain."""
    for base, form in FIRST.items():
        if issubclass(kind, base):
            return form
    packages = {base.__module__.partition(".")[0] for base in kind.__mro__}
    if not packages.isdisjoint(FRAMES):
        form = _table_form(kind)
        if form is not None:
            return form
    if "numpy" in packages or hasattr(kind, "tolist") or hasattr(kind, "detach") or hasattr(kind, "toarray"):
        form = _array_form(kind)
        if form is not None:
            return form
    return _python_form(kind)


def _python_form(kind: type[object]) -> Callable[[Any], Any]:
    if hasattr(kind, "model_dump"):  # pydantic
        return lambda value: plain(value.model_dump())
    if issubclass(kind, msgspec.Struct):  # it knows of renamed fields and of tags
        return lambda value: plain(msgspec.to_builtins(value, enc_hook=plain))
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        return lambda value: _fields(value, names)
    if hasattr(kind, "__attrs_attrs__"):
        names = [str(field.name) for field in cast("Any", kind).__attrs_attrs__]
        return lambda value: _fields(value, names)
    for base, form in KINDS:
        if issubclass(kind, base):
            return form
    if issubclass(kind, LISTS) or (hasattr(kind, "__iter__") and _says_nothing(kind)):
        return _items
    return _text


def _fields(value: Any, names: list[str]) -> Any:
    return {name: plain(getattr(value, name)) for name in names if hasattr(value, name)}


def _items(value: Any) -> Any:
    return [plain(item) for item in value]


def _object(value: Mapping[Any, Any]) -> Any:
    items = dict(value.items())
    return dict(zip(key_texts(items, "keys"), map(plain, items.values()), strict=True))


def _bytes(value: Any) -> Any:
    return b64encode(value.tobytes() if isinstance(value, memoryview) else value).decode()


def _decimal(value: Decimal) -> Any:
    """Text, which loses no digit; what is no number is missing, as for other numbers."""
    if value.is_finite():
        return str(value)
    return math.nan if value.is_nan() else float(value)


def _text(value: Any) -> Any:
    kind = cast("type[object]", type(value))
    text = str(value)
    if _says_nothing(kind) or (text.startswith("<") and " at 0x" in text):
        raise TypeError(
            f"a {kind.__qualname__} has no form in JSON; return what is in it as numbers, text, lists, "
            "dictionaries or a dataclass"
        )
    return text


def _says_nothing(kind: type[object]) -> bool:
    """True if values of this type have no text but an address."""
    return kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__


# -- arrays, their elements, tensors and sparse matrices ---------------------------------------------


def _array_form(kind: type[object]) -> Callable[[Any], Any] | None:
    """What makes values of an array's type plain; `None` if it is none."""
    if any(base.__module__.partition(".")[0] == "numpy" for base in kind.__mro__):
        return _array_values if hasattr(kind, "dtype") and hasattr(kind, "tolist") else None
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
    return _array_values(value.toarray())


def _array_values(value: Any) -> Any:
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
        return moments_of(flat)
    if dtype.kind == "m":
        return durations_of(flat)
    if dtype.kind == "f":
        return [_long(one) for one in flat]
    if dtype.kind == "c":
        return [str(complex(one)) for one in flat]
    if dtype.names:
        names = key_texts(dtype.names, "fields")
        columns = [_array_values(flat[name]) for name in dtype.names]
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


# -- data frames, their columns and their elements ---------------------------------------------------


def _table_form(kind: type[object]) -> Callable[[Any], Any] | None:
    """What makes values of one of these packages' types plain; `None` if it is nothing special."""
    if kind.__name__ in ("NaTType", "NAType"):
        return lambda value: None
    if hasattr(kind, "iloc"):
        return _frame if hasattr(kind, "columns") else _series
    if hasattr(kind, "to_dicts"):  # Polars
        return lambda value: plain(value.to_dicts())
    if hasattr(kind, "to_list") and hasattr(kind, "to_frame") and not hasattr(kind, "get_level_values"):
        return lambda value: plain(value.to_list())  # a column of Polars
    if hasattr(kind, "to_pylist"):
        return _arrow
    if hasattr(kind, "as_py"):
        return lambda value: plain(value.as_py())
    if kind.__name__ == "Period":
        return _period
    if kind.__name__ == "Interval":
        return _interval
    if hasattr(kind, "dtype") and hasattr(kind, "tolist"):  # an index, or an array of pandas' own
        return _column_values
    return None


def without_labels(value: Any) -> Any:
    """A table or column of pandas whose rows are told by their order alone; anything else as it is."""
    return value.reset_index(drop=True) if hasattr(cast("object", type(value)), "iloc") else value


def _frame(value: Any) -> Any:
    names = list(value.columns)
    columns = [_column_values(value.iloc[:, number]) for number in range(len(names))]
    index = value.index
    if _is_labelled(index):
        several = index.nlevels > 1
        for level in reversed(range(index.nlevels)):
            name = index.names[level]
            names.insert(0, name if name is not None else f"level_{level}" if several else "index")
            columns.insert(0, _column_values(index.get_level_values(level)))
    texts = key_texts(names, COLUMNS)
    if not columns:
        return [{} for _ in range(len(value))]
    return [dict(zip(texts, row, strict=True)) for row in zip(*columns, strict=True)]


def _series(value: Any) -> Any:
    cells = _column_values(value)
    if not _is_labelled(value.index):
        return cells
    return dict(zip(key_texts(value.index, "labels of a Series"), cells, strict=True))


def _is_labelled(index: Any) -> bool:
    """False for an index that only numbers the rows, or what is left of such an index."""
    return index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu"


def _column_values(column: Any) -> list[Any]:
    """The cells of a Series, an Index or an array of pandas."""
    import numpy

    dtype: Any = column.dtype
    if isinstance(column.dtype, numpy.dtype) and getattr(column, "nlevels", 1) == 1:
        return _array_values(column.to_numpy())
    if hasattr(dtype, "categories"):
        categories: list[Any] = [*_column_values(dtype.categories), None]  # the code of what is missing is -1
        return [categories[code] for code in getattr(column, "array", column).codes]
    cells: list[Any] = [plain(cell) for cell in column.tolist()]
    if getattr(dtype, "kind", "O") == "f":
        return cells  # of floats NaN is a value beside NA
    return [
        None if cell != cell else cell for cell in cells
    ]  # text, among others, has NaN where it is missing


def _period(value: Any) -> Any:
    """As pandas writes it, such as `2024`, `2024-01` or `2024Q1`; what is shorter than a day by its start."""
    text = str(value)
    return plain(value.start_time) if ":" in text else text


def _interval(value: Any) -> Any:
    left = "[" if value.closed_left else "("
    right = "]" if value.closed_right else ")"
    return f"{left}{plain(value.left)}, {plain(value.right)}{right}"


def _arrow(value: Any) -> Any:
    schema = getattr(value, "schema", None)
    if schema is not None:
        key_texts(schema.names, COLUMNS)
    return plain(value.to_pylist())


# In order: what may be of several kinds is of the first.
FIRST: dict[Any, Callable[[Any], Any]] = {
    Enum: lambda value: plain(value.value),
    str: str.__str__,  # whatever the class makes of `str(value)`, and so below
    dict: _object,
    (bytes, bytearray, memoryview): _bytes,
}
KINDS: list[tuple[Any, Callable[[Any], Any]]] = [
    (int, int.__int__),
    (float, float.__float__),
    ((datetime.datetime, datetime.date, datetime.time), date_text),
    (datetime.timedelta, duration_text),
    (Decimal, _decimal),
    (Mapping, _object),
]
