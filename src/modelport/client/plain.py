"""Python values as JSON, whichever library they come from: no library is imported for it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from os import PathLike
from typing import Any, cast

from modelport.client.frames import Frame, frame_of

NANOSECONDS = 1_000_000_000
NOT_A_TIME = -(2**63)
MISSING = frozenset({"NAType", "NaTType"})
TEXTS = frozenset({"UUID", "Decimal", "Period", "Interval"})
FILE_PARTS = (2, 3)  # (name, content) and (name, content, media type)


def json_of(name: str, value: Any) -> str:
    """The JSON of an argument; what is missing (NaN, NaT, NA) is null.

    Raises `TypeError` or `ValueError` with the argument's name for what JSON cannot say, infinity too.
    """
    try:
        try:
            return json.dumps(value, default=plain, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError):  # a NaN, or a key that is no text: each value is looked at
            return json.dumps(_looked_at(value), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise type(error)(f"argument {name!r} cannot be sent as JSON: {error}") from None


def is_file(value: Any) -> bool:
    """True for what is sent as a file: a path, an open file, bytes, or `(name, content[, media type])`."""
    if isinstance(value, (bytes, bytearray, memoryview, PathLike)) or hasattr(value, "read"):
        return True
    if not isinstance(value, tuple):
        return False
    parts = cast("tuple[Any, ...]", value)
    return len(parts) in FILE_PARTS and isinstance(parts[0], str) and is_file(parts[1])


def plain(value: Any) -> Any:
    """One step towards JSON for what JSON does not know by itself. Raises `TypeError` if there is none."""
    if type(value).__name__ in MISSING:
        return None
    if is_file(value):
        raise TypeError("a file has to be an argument of its own, or all of a list")
    if (frame := frame_of(value)) is not None:
        return records(frame)
    if isinstance(value, timedelta):  # also that of pandas, which has nanoseconds
        return duration(int(getattr(value, "value", round(value.total_seconds() * NANOSECONDS))))
    if isinstance(value, Enum):
        return value.value
    for form in (_array, _record):
        found = form(value)
        if found is not value:
            return found
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (Set, Sequence, ValuesView, Iterator)):
        return list(cast("Set[Any]", value))
    if type(value).__name__ in TEXTS:
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def records(frame: Frame) -> list[dict[str, Any]]:
    """The rows of a frame as objects by column."""
    rows = zip(*frame.columns(), strict=True)
    return [dict(zip(frame.names, row, strict=True)) for row in rows]


def duration(nanoseconds: int) -> str:
    """A duration as ISO 8601 has it: `PT90.5S`."""
    seconds, rest = divmod(abs(nanoseconds), NANOSECONDS)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if nanoseconds < 0 else ''}PT{seconds}{fraction}S"


def _array(value: Any) -> Any:
    """An array, a tensor, a column or a scalar of a numeric library as Python has it."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in ("M", "m") and type(value).__module__.partition(".")[0] == "numpy":
        return _times(value) if kind == "M" else _durations(value)
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(value, method):
            return getattr(value, method)()
    for method in ("toarray", "numpy"):  # sparse matrices, tensors of TensorFlow
        if hasattr(value, method):
            return getattr(value, method)()
    return value


def _times(value: Any) -> Any:
    return _each(value.astype(str).tolist(), _moment)


def _moment(text: str) -> str | None:
    if text == "NaT":
        return None
    return text.rstrip("0").rstrip(".") if "." in text else text


def _durations(value: Any) -> Any:
    whole = value.astype("timedelta64[ns]").astype("int64").tolist()
    return _each(whole, _duration)


def _duration(nanoseconds: int) -> str | None:
    return None if nanoseconds == NOT_A_TIME else duration(nanoseconds)


def _each(value: Any, make: Callable[[Any], Any]) -> Any:
    if not isinstance(value, list):
        return make(value)
    return [_each(item, make) for item in cast("list[Any]", value)]


def _record(value: Any) -> Any:
    """A model of pydantic, a dataclass or another mapping as a dictionary."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return dict(cast("Mapping[Any, Any]", value)) if isinstance(value, Mapping) else value


def _looked_at(value: Any) -> Any:
    """The value with null for NaN and text for every key. Raises `ValueError` for infinity."""
    if value is None or isinstance(value, (bool, int, str)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("JSON has no infinity")
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        given = cast("dict[Any, Any]", value)
        return {_key(key): _looked_at(item) for key, item in given.items()}
    if isinstance(value, (list, tuple)) and not is_file(value):
        return [_looked_at(item) for item in cast("list[Any]", value)]
    return _looked_at(plain(value))


def _key(key: Any) -> Any:
    if key is None or isinstance(key, (str, int, float)):
        return key
    found = plain(key)
    if isinstance(found, (str, int, float, bool)):
        return found
    raise TypeError(f"a key that is a {type(key).__name__} is no JSON")
