"""Models that take several calls at once, together or side by side: what they say, and what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from typing import Any, cast

from msgspec import structs

from modelport.contract.errors import ModelLoadError
from modelport.contract.signature import Operation

UNUSED_BATCHES = "predict_batch() is not used without a max_batch_size over 1: calls are predicted one by one"
ASYNC_CALLS = 64  # side by side in one worker, unless the model says otherwise
MOST_THREADS = 500


def concurrency_of(model: Any, function: Any) -> int:
    """How many calls of `function` one worker runs side by side: what the model says.

    If it says nothing, one, unless it is `async`: only that has places to take turns.
    Raises `ModelLoadError`.
    """
    wanted = getattr(model, "max_concurrency", None)
    if wanted is None:
        return ASYNC_CALLS if is_async(function) else 1
    if not isinstance(wanted, int) or wanted < 1:
        raise ModelLoadError(f"max_concurrency is {wanted!r}; it must be a whole number of calls, 1 or more")
    return wanted


def check_threads(predict: Operation) -> None:
    """Raise `ModelLoadError` if a plain function is to run in more threads than a worker has."""
    if predict.max_concurrency > MOST_THREADS and not predict.is_async:
        said = f"max_concurrency is {predict.max_concurrency}"
        raise ModelLoadError(f"{said}; a predict() that is not async runs in {MOST_THREADS} threads at most")


def check_stream(predict: Operation, stream: Operation) -> None:
    """Raise `ModelLoadError` if one worker cannot run both.

    A plain `predict` may stand beside streams that are awaited: it has its turn between them.
    """
    if not stream.implemented:
        return
    if predict.is_async and not stream.is_async:
        raise ModelLoadError("predict() is async, and so must be stream(): write it as an async def, too")
    if stream.is_async and predict.max_batch_size > 1:
        raise ModelLoadError(
            "stream() is async, and predict_batch() takes a worker for itself: write stream() as a plain def"
        )
    if predict.max_concurrency > 1 and not predict.is_async:
        raise ModelLoadError(
            "predict() runs in threads, by max_concurrency, and stream() cannot: write both as async def"
        )


def is_async(function: Any) -> bool:
    """True for an `async def`, whether it returns or yields."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def only_result(results: Any) -> Any:
    """The result of a batch of one, to be awaited if the batch is; raises it if it is an exception."""
    if inspect.isawaitable(results):
        return _only_awaited(cast("Awaitable[list[Any]]", results))
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


async def _only_awaited(results: Awaitable[list[Any]]) -> Any:
    return only_result(await results)


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
        return [UNUSED_BATCHES]
    if several and getattr(model, "max_concurrency", None) not in (None, 1):
        return ["max_concurrency means nothing beside max_batch_size: a worker predicts one batch at a time"]
    return []


def with_batches(predict: Operation, model: Any, problems: list[str]) -> Operation:
    """What predicts, with batches where the operator wants them and the model only has `predict_batch`."""
    if predict.max_batch_size > 1 or not callable(getattr(model, "predict_batch", None)):
        return predict
    if UNUSED_BATCHES in problems:
        problems.remove(UNUSED_BATCHES)
    wait = float(getattr(model, "max_wait_ms", 5.0))
    return structs.replace(predict, max_batch_size=2, max_wait_ms=wait, max_concurrency=1, is_async=False)
