"""Whether a value is JSON's own already, which is asked for every answer."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, cast

SCALARS = frozenset({str, int, float, bool, type(None)})
TEXT = frozenset({str})
LIST = {list}
DICT = {dict}


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
