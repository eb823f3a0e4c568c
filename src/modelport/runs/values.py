"""Values out of files and stores of others, as data that every store and every client can hold."""

from __future__ import annotations

import json
import math
from typing import Any, cast

MAX_DEPTH = 32
LARGEST = 2**63  # of an integer: neither msgpack nor a database has more
DROPPED = object()
SEEDS = ("seed", "random_state", "random_seed")


class Unreadable(ValueError):
    """A text is no JSON that can be taken over; the message says why."""


def read_json(text: bytes) -> dict[str, Any]:
    """A JSON object. Numbers that are none (NaN, Infinity) are left out. Raises `Unreadable`."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON ({str(error)[:100]})") from None
    if not isinstance(value, dict):
        raise Unreadable("it is no JSON object")
    return cast("dict[str, Any]", cleaned(value))


def cleaned(value: Any, depth: int = 0) -> Any:
    """The value with what cannot be kept left out; `DROPPED` where nothing is left of it.

    Integers that are too large become text. Raises `Unreadable` for what is nested too deep.
    """
    if depth > MAX_DEPTH:
        raise Unreadable(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        ready = {_text(str(key)): cleaned(one, depth + 1) for key, one in items}
        return {key: one for key, one in ready.items() if one is not DROPPED}
    if isinstance(value, list):
        ones = [cleaned(one, depth + 1) for one in cast("list[Any]", value)]
        return [None if one is DROPPED else one for one in ones]  # the others keep their places
    if isinstance(value, float) and not math.isfinite(value):
        return DROPPED
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        return str(value)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """The text without what UTF-8 (half of a pair) or a database (NUL) cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def typed(text: str) -> Any:
    """A parameter that was kept as text, as what it was, where nothing of the text is lost by that.

    So `1`, `0.5`, `1e-05`, `True` and `None` become values, and `007`, `1.50` and `nan` stay text.
    """
    if text in NAMED:
        return NAMED[text]
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text and math.isfinite(value) and abs(value) < LARGEST:
            return value
    return _text(text)


NAMED: dict[str, Any] = {"True": True, "False": False, "None": None}


def numbers(values: dict[str, Any]) -> dict[str, float]:
    """The entries that are numbers, and finite ones."""
    return {
        str(name): float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def seed_of(params: dict[str, Any]) -> int | None:
    """The first of the parameters that mean a seed which is an integer, if there is one."""
    for name in SEEDS:
        value = params.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def nested(metrics: dict[str, float]) -> dict[str, Any]:
    """Metrics named `overall.f1` or `class/setosa/f1` as a performance document; others are `overall`."""
    found: dict[str, Any] = {}
    for name, value in sorted(metrics.items()):
        parts = [part for part in name.replace("/", ".").split(".") if part]
        if len(parts) < 2 or len(parts) > MAX_DEPTH:
            parts = ["overall", name]
        _put(found, parts, value)
    return found


def _put(found: dict[str, Any], parts: list[str], value: float) -> None:
    """Put a value below a path; what is left of the path is one name where a number is in the way."""
    place = found
    for number, part in enumerate(parts[:-1]):
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            place[".".join(parts[number:])] = value
            return
        place = cast("dict[str, Any]", inner)
    place[parts[-1]] = value
