"""Hints taken apart and put together again, and the names that `type X = …` gives them."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Union, cast, get_args, get_origin

from typing_extensions import TypeAliasType

# Python's own since 3.12, and the one for older Pythons, which need not be the same.
ALIASES: tuple[Any, ...] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))


def with_parts(hint: Any, change: Callable[[Any], Any]) -> Any:
    """The hint with each of its parts changed (of Annotated only the type); itself if nothing changed."""
    origin, of = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, *extra = of
        changed = change(inner)
        return hint if changed is inner else Annotated[(changed, *extra)]  # pyright: ignore
    parts: tuple[Any, ...] = tuple(one if isinstance(one, list) else change(one) for one in of)  # pyright: ignore
    if all(new is old for new, old in zip(parts, of, strict=True)):
        return hint
    generic = cast("Any", Union if origin in (Union, types.UnionType) else origin)
    return _of(generic, parts) if generic is Union or inspect.isclass(generic) else hint


def _of(generic: Any, parts: tuple[Any, ...]) -> Any:
    return generic[parts]


def unaliased(hint: Any, within: tuple[Any, ...] = ()) -> Any:
    """The hint with what a `type X = …` means in place of X (numpy's ArrayLike since Python 3.12).

    A name inside its own meaning (`type Tree = list[Tree]`) stays, for pydantic knows those. `within`: the
    names that are being looked into.
    """
    origin = get_origin(hint)
    name = origin if isinstance(origin, ALIASES) else hint
    if not isinstance(name, ALIASES):
        return with_parts(hint, lambda part: unaliased(part, within))
    if name in within:
        return hint
    meaning: Any = name.__value__
    return unaliased(meaning if name is hint else _of(meaning, get_args(hint)), (*within, name))
