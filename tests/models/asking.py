"""Models that say themselves what they want: as a class, late, in a module."""

from __future__ import annotations

from typing import Any, ClassVar

import placed

import modelport

modelport_settings = {"timeout": 0.25, "environment": {"TOLD": "by a module"}}


class Asks(placed.Placed):
    workers = 2
    threads = 3
    timeout = 0.5
    environment: ClassVar[dict[str, str]] = {"TOLD": "by the class"}


class Late(placed.Placed):
    def __init__(self) -> None:
        self.threads = 5
        super().__init__()


class Foreign:
    """These words are its own."""

    workers = "many"
    timeout = -1

    def predict(self, x: int) -> int:
        return x


class Batches(modelport.Model):
    """Says nothing of the size of its batches."""

    def predict(self, x: int) -> int: ...

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[int]:
        return [len(calls)] * len(calls)


def predict() -> dict[str, Any]:
    return placed.seen()
