"""How right answers were, where the truth came: classes by accuracy and F1, numbers by their errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple, cast

import msgspec

from modelport.monitoring.reports import Feedback, Score, ScoreThen
from modelport.telemetry.payloads.truths import Plain

MOST_CLASSES = 1000
FEW = 20  # different whole numbers, which may be classes


class Pair(NamedTuple):
    """When a prediction was asked for, what was predicted, and what is true."""

    at: float
    predicted: Plain
    true: Plain


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
