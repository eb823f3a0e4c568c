"""Runs and versions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of
from modelport.settings.values import wrong_order


class OnRegression(StrEnum):
    """What may become of a version that is worse than the live one."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Runs and versions."""

    best_by: str | None = setting(
        None,
        "the number that makes a run the best, such as f1:max or overall.loss:min; without a live version "
        "the best one is served from the start",
        wrong=wrong_order,
        heading="Runs and versions",
    )
    import_runs: list[str] = setting(
        [],
        "runs made elsewhere to take in at the start: mlflow:EXPERIMENT, or a folder of runs; MODEL=… before "
        "it where there are several models",
    )
    loaded_versions: int = setting(
        2, "versions beside the live ones that are kept loaded; the one not used for longest is unloaded"
    )
    on_regression: str = setting(
        OnRegression.REFUSE.value,
        "what becomes of a promotion whose checks find a regression: refuse or warn",
        choices=words_of(OnRegression),
    )
