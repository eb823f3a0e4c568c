"""Which estimators of scikit-learn need the names of the columns, or call code of their user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from modelport.sources.frameworks.sklearn_parts import is_borrowed

BY_NAME = ("ColumnTransformer", "FunctionTransformer")  # one selects columns, one calls a user's function


def names_are_not_needed(model: Any) -> bool:
    """True if `model` and all of its parts are scikit-learn's own, and none of them selects columns."""
    return _all([model], _needs_no_names, set())


def has_no_code_of_its_own(model: Any) -> bool:
    """True if `model` and all of its parts are classes of known packages, with no function of a user's."""
    return _all([model], is_borrowed, set())


def _needs_no_names(estimator: Any) -> bool:
    kind = cast("type[Any]", type(estimator))
    return kind.__module__.startswith("sklearn.") and kind.__name__ not in BY_NAME


def _all(values: list[Any], fits: Callable[[Any], bool], seen: set[int]) -> bool:
    for value in values:
        inner = _parts(value)
        if not inner and not _is_estimator(value):
            continue
        if _is_estimator(value) and not fits(value):
            return False
        if id(value) not in seen:
            seen.add(id(value))
            if not _all(inner, fits, seen):
                return False
    return True


def _is_estimator(value: Any) -> bool:
    return not isinstance(value, type) and (hasattr(value, "fit") or hasattr(value, "transform"))


def _parts(value: Any) -> list[Any]:
    """What an estimator, or a collection of them, holds; nothing for anything else."""
    if isinstance(value, (list, tuple, set)):
        return list(cast("Iterable[Any]", value))
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).values())
    if _is_estimator(value):
        return list(getattr(value, "__dict__", {}).values())
    array: Any = value  # boosting keeps its trees in one
    is_array = type(array).__name__ == "ndarray" and array.dtype == object
    return list(array.ravel().tolist()) if is_array else []
