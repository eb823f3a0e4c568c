"""Runs, versions and promotions, as data between the store, the service and the APIs.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RunSource = Literal["job", "mlflow", "directory"]


class NewRun(msgspec.Struct, kw_only=True):
    """A finished training, made here or elsewhere, to be kept as a run.

    `saved` says where its model is: a path, or a source such as `mlflow:runs:/ID/model`; without one the
    run has no version and answers no predictions. `metrics` are the last values of logged series.
    `performance` is nested: `overall`, `class`, `slices`, with numbers in its leaves.
    """

    id: str
    model: str
    source: RunSource = "job"
    name: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    params: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    performance: dict[str, Any] = {}
    saved: str = ""
    environment: dict[str, Any] = {}
    code_version: str = ""
    seed: int | None = None


class Run(NewRun, kw_only=True):
    """A run as the store has it. `number` rises with each run; `version` is the number of its saved model."""

    number: int
    version: int | None = None

    @property
    def duration(self) -> float | None:
        """Seconds that the training took; `None` if that is not known."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, self.finished_at - self.started_at)


class Alias(msgspec.Struct, kw_only=True):
    """A name for a version. `revision` rises with each change."""

    name: str
    version: int
    revision: int
    changed_at: float


class Promotion(msgspec.Struct, kw_only=True):
    """A change of what is live, with what the checks before it found."""

    number: int
    kind: str  # promotion or rollback
    before: int
    after: int
    at: float
    report: dict[str, Any] = {}


class RunPage(msgspec.Struct, kw_only=True):
    """Some runs in order, and the cursor of the next page (`None` at the end)."""

    runs: list[Run]
    cursor: int | None


class TrafficPlan(msgspec.Struct, kw_only=True):
    """Shares of the calls for versions that are not live, and a version that only gets copies of them."""

    weights: dict[str, float] = {}  # by the number of the version
    shadow: int | None = None

    @property
    def versions(self) -> list[int]:
        """All that it names."""
        return [*map(int, self.weights), *([] if self.shadow is None else [self.shadow])]
