"""Models that predict several calls at once: what is wrong with them, and their one result for one call."""

from __future__ import annotations

from typing import Any


def only_result(results: list[Any]) -> Any:
    """The result of a batch of one; raises it if it is an exception."""
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def batch_problems(model: Any) -> list[str]:
    """What is wrong with a model that says one half only of how it predicts several calls at once."""
    several = int(getattr(model, "max_batch_size", 1)) > 1
    if several and not callable(getattr(model, "predict_batch", None)):
        return ["max_batch_size means nothing without a predict_batch(): calls are predicted one by one"]
    if (
        not several
        and callable(getattr(model, "predict_batch", None))
        and callable(getattr(model, "predict", None))
    ):
        return ["predict_batch() is not used without a max_batch_size over 1: calls are predicted one by one"]
    return []
