"""What the columns of a scikit-learn estimator hold, and who looks at each, as its fitted parts say."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from modelport.contract.model_options import ColumnType
from modelport.sources.frameworks.sklearn_parts import heads, is_own_kind, is_passthrough

KINDS: dict[str, ColumnType] = {
    "f": "float",
    "i": "int",
    "u": "int",
    "b": "bool",
    "U": "str",
    "T": "str",
    "M": "date",
}


@dataclass(frozen=True)
class Look:
    """What the parts of a model look for in one column.

    `parts` tell those that look; columns with the same parts and type are treated alike. `sample` is a value
    that they take. `missing` is false where null is known to be refused, `None` where that is not known.
    """

    type: ColumnType
    parts: frozenset[Any]
    sample: Any = 0.0
    missing: bool | None = None


Looks = list[Look | None]  # of each column; `None` for one that nobody looks at


def looks_of(model: Any, width: int, has_names: bool = True) -> Looks:
    """How each of `width` columns is looked at by the parts of a model that get the rows as they come."""
    found: Looks = [None] * width
    parts = heads(model)
    for step, following in parts:
        found = list(map(_both, found, _of_step(step, following, width, has_names)))
    return found if parts else _uniform("any", model, width)


def _both(one: Look | None, other: Look | None) -> Look | None:
    """A column that two parts look at."""
    if one is None or other is None:
        return one or other
    named, second = (one, other) if one.type != "any" else (other, one)
    kind: ColumnType = named.type if second.type in ("any", named.type) else "any"
    missing = False if False in (one.missing, other.missing) else None
    return replace(named, type=kind, parts=one.parts | other.parts, missing=missing)


def _uniform(kind: ColumnType, part: Any, width: int) -> Looks:
    return [Look(kind, frozenset({id(part)}), "" if kind == "str" else 0.0)] * width


def _of_step(step: Any, following: Any, width: int, has_names: bool) -> Looks:
    if hasattr(step, "transformers_"):
        return _of_column_transformer(step, following, width, has_names)
    if hasattr(step, "build_analyzer"):
        return [replace(cast("Look", look), missing=False) for look in _uniform("str", step, width)]
    categories = _categories(step, width)
    if categories is not None:
        return [_of_values(step, values) for values in categories]
    statistics: Any = getattr(step, "statistics_", None)
    if statistics is not None and len(statistics) == width:
        return _of_imputer(step, following, statistics.tolist(), str(statistics.dtype.kind))
    if is_passthrough(step):
        numbers = following is not None and _takes_numbers(following, has_names)
        return _uniform("float" if numbers else "any", following, width)
    if not _takes_numbers(step, has_names):
        return _uniform("any", step, width)
    categorical: Any = getattr(step, "is_categorical_", None)
    if categorical is None:
        return _uniform("float", step, width)
    return _of_booster(step, list(categorical))


def _of_booster(step: Any, categorical: list[bool]) -> Looks:
    """Numbers, and the categories that the encoder within a HistGradientBoosting has seen."""
    try:
        seen: Any = iter(step._preprocessor.named_transformers_["encoder"].categories_)
    except (AttributeError, KeyError, TypeError):  # it has none, or another place for them
        return [Look("any" if flag else "float", frozenset({id(step)})) for flag in categorical]
    return [
        _of_values(step, next(seen)) if flag else Look("float", frozenset({id(step)})) for flag in categorical
    ]


def _of_imputer(step: Any, following: Any, statistics: list[Any], kind: str) -> Looks:
    """Numbers, or whatever an encoder that follows has seen."""
    categories = _categories(following, len(statistics))
    found: Looks = []
    for number, value in enumerate(statistics):
        look = Look("float" if kind == "f" else "any", frozenset({id(step)}))
        if categories is not None and kind != "f":
            look = _of_values(step, categories[number])
        known = value is not None and value == value
        found.append(replace(look, sample=value) if known else look)
    return found


def _categories(step: Any, width: int) -> list[Any] | None:
    found: Any = getattr(step, "categories_", None)
    return cast("list[Any]", found) if isinstance(found, list) and len(found) == width else None  # pyright: ignore[reportUnknownArgumentType]


def _of_values(step: Any, values: Any) -> Look:
    """The categories that an encoder has seen, with a mark for those that have a missing one."""
    known = listed_values(values)
    present = [value for value in known if value is not None and value == value]
    kind: ColumnType = KINDS.get(str(values.dtype.kind), "any")
    if values.dtype.kind == "O":
        kind = "str" if set(map(type, present)) == {str} else "any"
    parts = frozenset({id(step), len(present) < len(known)})
    return Look(kind, parts, present[0] if present else None)


def listed_values(values: Any) -> list[Any]:
    """Categories as Python has them, dates too."""
    return (values.astype("datetime64[us]") if values.dtype.kind == "M" else values).tolist()


def _takes_numbers(step: Any, has_names: bool) -> bool:
    """Whether a step says that it takes numbers and nothing else.

    The tags of somebody's own class say so if nobody has thought of them, and a DataFrame may hold anything.
    """
    if type(step).__name__ == "FunctionTransformer" or (has_names and is_own_kind(step)):
        return False
    utils: Any = importlib.import_module("sklearn.utils")
    try:
        tags: Any = utils.get_tags(step).input_tags
    except Exception:  # an estimator of somebody else's, whose tags are broken
        return False
    return not (tags.string or tags.categorical) or hasattr(step, "is_categorical_")


def _of_column_transformer(step: Any, following: Any, width: int, has_names: bool) -> Looks:
    found: Looks = [None] * width
    names: list[str] = [str(name) for name in getattr(step, "feature_names_in_", [])]
    for _, transformer, chosen in step.transformers_:
        positions = positions_of(chosen, names, width)
        if transformer == "drop" or not positions:
            continue
        if is_passthrough(transformer):
            inner = _of_step(transformer, following, len(positions), has_names)
        else:
            inner = looks_of(transformer, len(positions), has_names)
        for position, look in zip(positions, inner, strict=True):
            found[position] = _both(found[position], look)
    return found


def positions_of(chosen: Any, names: list[str], width: int) -> list[int]:
    """The numbers of the columns that a part of a ColumnTransformer was fitted on."""
    if isinstance(chosen, slice):
        ends: Any = cast("Any", chosen)
        if isinstance(ends.start, str) or isinstance(ends.stop, str):
            first = names.index(ends.start) if ends.start is not None else 0
            last = names.index(ends.stop) + 1 if ends.stop is not None else width
            return list(range(first, last))
        return list(range(*ends.indices(width)))
    if isinstance(chosen, (str, int)):
        chosen = [chosen]
    items = list(cast("Iterable[Any]", chosen))
    if items and all(type(item).__name__ in ("bool", "bool_") for item in items):
        return [number for number, flag in enumerate(items) if flag]
    return [names.index(str(item)) if isinstance(item, str) else int(item) % width for item in items]
