"""What the resources of runs answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import Cursor, Links, Named, Performance, words
from modelport.jobs.views import Time


class _RunFields(msgspec.Struct):
    run_id: str
    model: str
    version: Annotated[int | None, words("Of the model that it saved; null if it saved none")]
    aliases: list[str]
    source: Annotated[str, words("job for a training of this server")]
    name: str
    started_at: Time
    finished_at: Time
    duration: Annotated[float | None, words("Seconds")]
    params: Annotated[dict[str, Any], words("What it was trained with")]
    metrics: Annotated[dict[str, float], words("The last value of each")]
    performance: Performance


class RunSummary(_RunFields):
    """A run in a list."""

    links: Links


class Run(_RunFields):
    """All that is known of a run."""

    seed: Annotated[int | None, words("The seed among the parameters")]
    code_version: Annotated[str, words("The commit of the code, else the version of the model")]
    environment: Annotated[dict[str, Any], words("Python, platform, packages and commit")]
    links: Links


class Runs(msgspec.Struct):
    runs: list[RunSummary]
    order_by: Annotated[str | None, words("Such as f1:max; null if the newest come first")]
    next_cursor: Cursor


class Params(msgspec.Struct):
    params: Annotated[dict[str, Any], words("What the run was trained with")]


PARAM = Named("Param", (Annotated[dict[str, Any], words("The parameter under its own name")],))
PERFORMANCE = Named(
    "Performance",
    (Annotated[dict[str, Any], words("All of it under `performance`, or a part under its path")],),
)
