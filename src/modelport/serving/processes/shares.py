"""What of the machine's settings is one server process's: settings are what all processes have together.

Workers are split, and each process has one of each model at least: a call never leaves the process that has
read it, which costs nothing beyond what a server of one process costs. Jobs are split to the last one, so
that a machine that is to run one at a time does; the process that has none leaves them to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelport.settings import Settings
from modelport.settings.declaring import Written
from modelport.siblings import Place


def share_of(settings: Settings, place: Place) -> Settings:
    """The settings of one process of several."""
    values = {name: split(getattr(settings, name), place) for name, split in SPLIT.items()}
    models = {name: _of_model(own, place) for name, own in settings.models.items()}
    return replace(settings, **values, models=models)


def _of_model(own: Mapping[str, Written], place: Place) -> dict[str, Written]:
    return {
        name: Written(SPLIT[name](found.value, place), found.where) if name in SPLIT else found
        for name, found in own.items()
    }


def _rounded_up(value: int, place: Place) -> int:
    """As large a part for each; 0, which is no limit, stays."""
    return -(-value // place.of)


def _to_the_last(value: int, place: Place) -> int:
    """Parts that differ by one, and are all of it together."""
    return value // place.of + (place.number < value % place.of)


SPLIT: dict[str, Callable[[Any, Place], int]] = {
    "workers": _rounded_up,
    "min_workers": _rounded_up,
    "max_workers": _rounded_up,
    "queue_size": _rounded_up,
    "job_workers": _to_the_last,
    "max_connections": _rounded_up,
    "max_body_memory": _rounded_up,
    "max_answer_memory": _rounded_up,
}
