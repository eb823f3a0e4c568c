"""What the resources of long work answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from modelport.api.resources.described import Cursor, Named, words
from modelport.jobs.views import Job, Time


class TrainingResult(msgspec.Struct):
    """What came of a training, in DEEPaaS's words."""

    output: Annotated[Any, words("What the function returned")]
    finish_date: str
    duration: str


class Training(msgspec.Struct):
    """A training or validation, as DEEPaaS shows it."""

    date: Annotated[str, words("When it was asked for, in the server's local time")]
    args: Annotated[dict[str, Any], words("The arguments; files by name and media type")]
    uuid: Annotated[str, words("Its id, also among the jobs")]
    status: Literal["running", "done", "error", "cancelled"]
    result: TrainingResult | UnsetType = UNSET
    message: Annotated[str | UnsetType, words("What went wrong")] = UNSET


TRAININGS = Named("Trainings", (list[Training],))


class Jobs(msgspec.Struct):
    jobs: list[Job]
    next_cursor: Cursor


class MetricPoint(msgspec.Struct):
    step: float | None
    value: float | None
    at: Time


class Metrics(msgspec.Struct):
    metrics: dict[str, list[MetricPoint]]
    next_cursor: Annotated[int | None, words("The `cursor` of the next page; null on the last one")]


class Artifact(msgspec.Struct):
    name: str
    size: Annotated[int, words("Bytes")]
    href: str


class Artifacts(msgspec.Struct):
    artifacts: list[Artifact]
