"""The one place that gives everything a model may return its natural form in JSON.

Here are Python's own types; numpy's and torch's are in `plain_arrays.py`, pandas', Polars' and Arrow's in
`plain_tables.py`. They are told by their class alone, so that no framework is imported for this.
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
from itertools import chain
from typing import Any, cast

import msgspec

from modelport.contract.plain_times import date_text, duration_text

SCALARS = frozenset({str, int, float, bool, type(None)})
TEXT = frozenset({str})
LIST = {list}
DICT = {dict}
FRAMES = ("pandas", "polars", "pyarrow")  # of these packages `plain_tables.py` knows the types
LISTS = (abc.Sequence, abc.Set, abc.MappingView, abc.Iterator)


class EncodedJSON(bytes):
    """JSON that is encoded already."""


def plain(value: Any) -> Any:
    """`value` as dictionaries with text as keys, lists, text, numbers, booleans and None.

    Dates and times are ISO 8601, bytes base64, and what is missing (NaT, NA, masked cells) is None; floats
    keep their NaN and infinities. What has no form but a text of its own is that text. Raises `TypeError` for
    what has neither, and where two keys or columns are the same as text; `RecursionError` for a cycle.
    """
    if is_plain(value):
        return value
    return _form(cast("type[object]", type(value)))(value)


def is_plain(value: Any) -> bool:
    """True if `value` is made of JSON's own types throughout, which most answers are.

    Loops run in C as far as they can: this is asked for every answer.
    """
    kind = cast("type[object]", type(value))
    inner: Any
    if kind is list or kind is tuple:
        inner = value
    elif kind is dict:
        if not TEXT.issuperset(map(type, cast("dict[Any, Any]", value))):
            return False
        inner = cast("dict[Any, Any]", value).values()
    else:
        return kind in SCALARS
    kinds = set(map(type, inner))
    if kinds <= SCALARS:
        return True
    if kinds == LIST and SCALARS.issuperset(map(type, chain.from_iterable(inner))):
        return True  # rows, which may be many
    if kinds == DICT and _are_flat(inner):
        return True  # rows as objects
    return all(map(is_plain, inner))


def _are_flat(objects: Iterable[dict[Any, Any]]) -> bool:
    return TEXT.issuperset(map(type, chain.from_iterable(objects))) and SCALARS.issuperset(
        map(type, chain.from_iterable(one.values() for one in objects))
    )


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
        from modelport.contract.plain_tables import table_form

        form = table_form(kind)
        if form is not None:
            return form
    if "numpy" in packages or hasattr(kind, "tolist") or hasattr(kind, "detach") or hasattr(kind, "toarray"):
        from modelport.contract.plain_arrays import array_form

        form = array_form(kind)
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
