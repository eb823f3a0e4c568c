"""The parts of a scikit-learn estimator: who gets the rows as they come, and whose code that is."""

from __future__ import annotations

from typing import Any, cast

ONE = ("best_estimator_", "regressor_", "estimator_")  # searches and wrappers hand their rows on
SEVERAL = ("estimators_", "calibrated_classifiers_")
BORROWED = ("sklearn.", "imblearn.", "xgboost.", "lightgbm.", "catboost.")


def first_steps(model: Any) -> list[Any]:
    """The parts of a model that get the rows as they come."""
    return [step for step, _ in heads(model)]


def heads(model: Any) -> list[tuple[Any, Any]]:
    """The parts that get the rows as they come, each with what follows it in its pipeline, or `None`."""
    inner = held(model)
    if inner:
        return [pair for one in inner for pair in heads(one)]
    if isinstance(getattr(model, "steps", None), list):
        steps = [step for _, step in model.steps if step not in ("passthrough", None)]
        after = steps[1] if len(steps) > 1 else None
        return [(step, following or after) for step, following in heads(steps[0])] if steps else []
    if isinstance(getattr(model, "transformer_list", None), list):
        return [pair for _, part in model.transformer_list for pair in heads(part)]
    return [] if isinstance(model, str) and model in ("drop", "passthrough") else [(model, None)]


def held(model: Any) -> list[Any]:
    """The fitted estimators that a search or a meta-estimator hands all of its rows to.

    Of several, such as the trees of a forest, only where one of them has parts of its own.
    """
    width: Any = getattr(model, "n_features_in_", None)
    for name in ONE:
        inner: Any = getattr(model, name, None)
        if hasattr(inner, "fit") and getattr(inner, "n_features_in_", None) == width:
            return [inner]
    if hasattr(model, "estimators_features_"):  # each gets columns of its own
        return []
    for name in SEVERAL:
        several: Any = getattr(model, name, None)
        if isinstance(several, list):
            listed = [getattr(one, "estimator", one) for one in cast("list[Any]", several)]
            listed = [one for one in listed if getattr(one, "n_features_in_", None) == width]
            if any(map(_has_parts, listed)):
                return listed
    return []


def _has_parts(one: Any) -> bool:
    names = ("steps", "transformers_", "transformer_list", "build_analyzer")
    return any(hasattr(one, name) for name in names) or bool(held(one))


def is_passthrough(step: Any) -> bool:
    """Whether a part hands its columns on as they are."""
    if isinstance(step, str):
        return step == "passthrough"
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def is_borrowed(step: Any) -> bool:
    """Whether a part is code of a known package, and calls none of a user's own."""
    if not type(step).__module__.startswith(BORROWED):
        return False
    function: Any = getattr(step, "func", None)
    return function is None or type(function).__name__ == "ufunc"


def is_own_kind(step: Any) -> bool:
    """Whether an estimator is a user's own from the ground up: no known one that was changed."""
    names = [cls.__module__ for cls in type(step).__mro__]
    bases = ("sklearn.base", "sklearn.utils", "builtins", "abc")
    return not any(name.startswith(BORROWED) and not name.startswith(bases) for name in names)
