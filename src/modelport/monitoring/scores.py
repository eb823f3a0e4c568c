"""How right answers were, where the truth came: classes by accuracy and F1, numbers by their errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec

from modelport.monitoring.reports import Feedback, Score, ScoreThen
from modelport.monitoring.values import one_value, without_envelope

Plain: TypeAlias = "str | float | int | bool"
MOST_CLASSES = 1000
FEW = 20  # different whole numbers, which may be classes


class Pair(NamedTuple):
    """When a prediction was asked for, what was predicted, and what is true."""

    at: float
    predicted: Plain
    true: Plain


def pairs_of(answer: Any, truth: Any) -> list[tuple[Plain, Plain]]:
    """What was predicted and what is true, as they belong together; none if that cannot be told.

    A truth belongs to the whole answer, if that holds one value; a list to the rows of an answer; an object
    to parts of the same names; else to the one part of the answer that is of its kind.
    """
    found = without_envelope(answer)
    if isinstance(truth, dict):
        return _named(found, cast("dict[str, Any]", truth))
    if isinstance(found, dict) and len(cast("dict[str, Any]", found)) == 1:
        found = next(iter(cast("dict[str, Any]", found).values()))
    if isinstance(truth, list):
        truths = cast("list[Any]", truth)
        rows = cast("list[Any]", found if isinstance(found, list) else [found])
        if len(rows) != len(truths):
            return []
        each = [pairs_of(row, one) for row, one in zip(rows, truths, strict=True)]
        return [pair for pairs in each for pair in pairs] if all(each) else []
    return _one(one_value(found), truth)


def _named(found: Any, truth: dict[str, Any]) -> list[tuple[Plain, Plain]]:
    while isinstance(found, list | dict) and not (isinstance(found, dict) and truth.keys() & found.keys()):
        inner = cast("Any", list(found.values()) if isinstance(found, dict) else found)
        if len(inner) != 1:
            return []
        found = inner[0]
    if not isinstance(found, dict):
        return []
    parts = cast("dict[str, Any]", found)
    each = [pairs_of(parts[name], one) if name in parts else [] for name, one in truth.items()]
    return [pair for pairs in each for pair in pairs] if all(each) else []


def _one(found: Any, truth: Any) -> list[tuple[Plain, Plain]]:
    if isinstance(found, dict):
        like = [one for one in cast("dict[str, Any]", found).values() if _is_like(one, truth)]
        found = like[0] if len(like) == 1 else None
    return [(found, truth)] if _is_like(found, truth) else []


def _is_like(one: Any, other: Any) -> bool:
    if isinstance(other, bool) or isinstance(one, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    if isinstance(other, int | float):
        return isinstance(one, int | float) and isfinite(one) and isfinite(other)
    return isinstance(other, str) and isinstance(one, str)


def score(pairs: Sequence[Pair]) -> Score:
    """How right they are. Whole numbers of few different values are scored both as classes and as numbers."""
    found = Score(count=len(pairs))
    texts = [pair for pair in pairs if isinstance(pair.true, str | bool)]
    numbers = [pair for pair in pairs if not isinstance(pair.true, str | bool)]
    whole = {pair.true for pair in numbers}
    classes = texts
    if numbers and len(whole) <= FEW and all(float(cast("float", one)).is_integer() for one in whole):
        classes = [*texts, *numbers]
    if classes:
        found.accuracy = sum(pair.predicted == pair.true for pair in classes) / len(classes)
        found.f1 = _f1(classes)
    if numbers:
        errors = [float(cast("float", pair.predicted)) - float(cast("float", pair.true)) for pair in numbers]
        found.mae = sum(map(abs, errors)) / len(errors)
        found.rmse = sqrt(sum(error * error for error in errors) / len(errors))
    return found


def _f1(pairs: Sequence[Pair]) -> float | None:
    """The mean over classes of 2·TP / (2·TP + FP + FN), of each class that was predicted or is true."""
    hits: Counter[Plain] = Counter(pair.true for pair in pairs if pair.predicted == pair.true)
    true: Counter[Plain] = Counter(pair.true for pair in pairs)
    predicted: Counter[Plain] = Counter(pair.predicted for pair in pairs)
    classes = true.keys() | predicted.keys()
    if len(classes) > MOST_CLASSES:
        return None
    return sum(2 * hits[one] / (true[one] + predicted[one]) for one in classes) / len(classes)


def feedback_of(pairs: Sequence[Pair], unmatched: int, parts: Sequence[ScoreThen]) -> Feedback | None:
    """How right answers were, in all and over time; `None` if there is no feedback."""
    if not pairs and not unmatched:
        return None
    whole = msgspec.structs.asdict(score(pairs))
    return Feedback(**whole, unmatched=unmatched, over_time=list(parts))
