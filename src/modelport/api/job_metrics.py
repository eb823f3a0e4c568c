"""The metrics of a job as JSON or CSV: in pages, each read and written in a thread."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

import msgspec

from modelport.api.resources.jobs import MetricPoint, Metrics
from modelport.jobs.records import Metric
from modelport.jobs.store import JobStore
from modelport.jobs.views import utc

MAX_POINTS = 10_000  # of one page
CSV_POINTS = 1000  # of one part of a table
COLUMNS = ("name", "step", "value", "at")


def metrics_page(found: list[Metric], more: int | None) -> bytes:
    """The series of each metric; `next_cursor` is where the next page begins."""
    series: dict[str, list[MetricPoint]] = {}
    for one in found:
        series.setdefault(one.name, []).append(MetricPoint(one.step, one.value, utc(one.at)))
    # With null for NaN, which JSON does not have.
    return msgspec.json.encode(Metrics(series, more))


async def metrics_table(store: JobStore, job_id: str, after: int) -> AsyncIterator[bytes]:
    """All metrics from behind the event `after` as CSV, part by part."""
    yield (",".join(COLUMNS) + "\n").encode()
    cursor: int | None = after
    while cursor is not None:
        part, cursor = await store.metrics(job_id, _rows, after=cursor, limit=CSV_POINTS)
        if part:
            yield part


def _rows(found: list[Metric], more: int | None) -> tuple[bytes, int | None]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows((one.name, one.step, one.value, utc(one.at)) for one in found)
    return text.getvalue().encode(), more
