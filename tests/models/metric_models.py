"""Models that are counted: one takes calls together, and one says who it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import modelport


class Together(modelport.Model):
    """Takes several calls at once, once there are so many."""

    max_batch_size = 4
    max_wait_ms = 60_000

    def predict(self, number: int = 0) -> int:
        return number

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[int]:
        return [call["number"] for call in calls]


class Process(modelport.Model):
    """Says which process it is."""

    def predict(self) -> int:
        return os.getpid()


class Counting(modelport.Model):
    """Counts, a piece at a time."""

    def predict(self, count: int = 3) -> Iterator[int]:
        yield from range(count)
