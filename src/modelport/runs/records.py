"""Runs, versions and promotions, as data between the store, the service and the APIs.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec


class NewRun(msgspec.Struct, kw_only=True):
    """A finished training, made here or elsewhere, to be kept as a run.

    `saved` says where its model is: a path, or a source such as `mlflow:runs:/ID/model`; without one the
    run has no version and answers no predictions. `metrics` are the last values of logged series.
    `performance` is nested: `overall`, `class`, `slices`, with numbers in its leaves.
    """

    id: str
    model: str
    source: str = "job"  # or mlflow, directory
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
