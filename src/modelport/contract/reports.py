"""What code says of itself and of its world, made plain: whatever that is, saying it must not fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from modelport.contract.plain import key_text, plain

MAX_DEPTH = 50
LEAST, MOST = -(2**63), 2**64  # what msgpack has as an integer: from, and up to but without


def made_plain(value: Any) -> Any:
    """`value` as dictionaries with text keys, lists, texts, numbers, booleans and None, of just these types.

    Subclasses of `str`, `int` and `float` become what they are at heart; NaN and infinity stay. All else has
    its natural form, as in an answer; where it has none it becomes its text, or the name of its type. Text
    that UTF-8 cannot hold has question marks instead. Raises nothing.
    """
    return _plain(value, frozenset())


def _plain(value: Any, above: frozenset[int]) -> Any:
    """As `made_plain`; `above` are the ids of what the value stands in."""
    if value is None or value is True or value is False:
        return value
    if id(value) in above or len(above) > MAX_DEPTH:
        return "…"
    kind = cast("type[Any]", type(value))  # what it is, not what its `__class__` says
    if issubclass(kind, str):
        return _text(value)
    if issubclass(kind, int):
        number = int.__int__(value)
        return number if LEAST <= number < MOST else _described(number)
    if issubclass(kind, float):
        return float.__float__(value)
    inside = above | {id(value)}
    try:
        if issubclass(kind, Mapping):
            pairs = cast("Mapping[Any, Any]", value).items()
            return {_key(key): _plain(item, inside) for key, item in pairs}
        if issubclass(kind, list | tuple | set | frozenset):
            return [_plain(item, inside) for item in cast("Iterable[Any]", value)]
        return _plain(plain(value), inside)
    except Exception:  # somebody else's class, which may raise anything wherever it is touched
        return _described(value)


def _key(key: Any) -> str:
    is_text = issubclass(cast("type[Any]", type(key)), str)
    try:
        return _text(key if is_text else key_text(key))
    except Exception:  # as above
        return _described(key)


def _text(text: str) -> str:
    return str.__str__(text).encode("utf-8", "replace").decode()


def _described(value: Any) -> str:
    try:
        return _text(str(value))
    except Exception:  # as above; and an integer of more digits than Python writes
        return f"({type(value).__name__})"
