"""What the columns of a scikit-learn estimator hold, as far as its fitted parts say."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, cast

from modelport.contract.model_options import ColumnType

KINDS: dict[str, ColumnType] = {"f": "float", "i": "int", "u": "int", "b": "bool", "U": "str", "T": "str"}
INNER = ("best_estimator_", "regressor_", "estimator_")


def first_steps(model: Any) -> list[Any]:
    """The parts of a pipeline, or of a union at its head, that get the rows as they come."""
    for name in INNER:  # searches and meta-estimators hand their rows on
        inner: Any = getattr(model, name, None)
        if inner is not None and hasattr(inner, "steps"):
            return first_steps(inner)
    if isinstance(getattr(model, "steps", None), list):
        steps = [step for _, step in model.steps if step not in ("passthrough", None)]
        return first_steps(steps[0]) if steps else []
    if isinstance(getattr(model, "transformer_list", None), list):
        return [first for _, part in model.transformer_list for first in first_steps(part)]
    return [] if model in ("drop", "passthrough") else [model]


def column_types(model: Any, width: int) -> list[ColumnType]:
    """The type of each of `width` columns; `any` where it cannot be known."""
    found: list[ColumnType] = ["any"] * width
    for step in first_steps(model):
        for number, kind in enumerate(_of_step(step, width)):
            if found[number] == "any":
                found[number] = kind
    return found


def _of_step(step: Any, width: int) -> list[ColumnType]:
    if hasattr(step, "transformers_"):
        return _of_column_transformer(step, width)
    categories: Any = getattr(step, "categories_", None)
    if isinstance(categories, list) and len(cast("list[Any]", categories)) == width:
        return [_of_values(values) for values in cast("list[Any]", categories)]
    statistics: Any = getattr(step, "statistics_", None)
    if statistics is not None and len(statistics) == width:  # an imputer: numbers, or anything
        return ["float" if statistics.dtype.kind == "f" else "any"] * width
    if not _takes_numbers(step):
        return ["any"] * width
    categorical: Any = getattr(step, "is_categorical_", None)
    if categorical is not None:
        return ["any" if flag else "float" for flag in categorical]
    return ["float"] * width


def _of_values(values: Any) -> ColumnType:
    """The type of the categories that an encoder has seen."""
    kind = str(values.dtype.kind)
    if kind == "O":
        given: set[Any] = {type(value) for value in values.tolist() if value is not None and value == value}
        return "str" if given == {str} else "any"
    return KINDS.get(kind, "any")


def _takes_numbers(step: Any) -> bool:
    """Whether a step says that it takes numbers and nothing else."""
    if type(step).__name__ == "FunctionTransformer":
        return False
    utils: Any = importlib.import_module("sklearn.utils")
    try:
        tags: Any = utils.get_tags(step).input_tags
    except Exception:  # an estimator of somebody else's, whose tags are broken
        return False
    return not (tags.string or tags.categorical) or hasattr(step, "is_categorical_")


def _of_column_transformer(step: Any, width: int) -> list[ColumnType]:
    found: list[ColumnType] = ["any"] * width
    names: list[str] = [str(name) for name in getattr(step, "feature_names_in_", [])]
    for _, transformer, chosen in step.transformers_:
        positions = positions_of(chosen, names, width)
        if isinstance(transformer, str) or not positions:
            continue
        for position, kind in zip(positions, _of_chosen(transformer, len(positions)), strict=True):
            found[position] = kind
    return found


def _of_chosen(transformer: Any, count: int) -> list[ColumnType]:
    if any(hasattr(step, "build_analyzer") for step in first_steps(transformer)):
        return ["str"] * count
    return column_types(transformer, count)


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
