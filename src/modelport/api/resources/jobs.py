"""What the resources of long work answer."""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.api.resources.described import Cursor, words
from modelport.jobs.views import Job, Time


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
