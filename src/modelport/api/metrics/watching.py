"""Everything that one server shows of itself, put together."""

from __future__ import annotations

from modelport.api.metrics.drift import DriftMetrics
from modelport.api.metrics.jobs import watch_jobs
from modelport.api.metrics.models import ModelMetrics
from modelport.api.metrics.readings import Readings
from modelport.api.metrics.server import watch_bodies, watch_database, watch_spool
from modelport.api.model_reports import ModelReports
from modelport.jobs.service import JobService
from modelport.runs.service import RunService
from modelport.telemetry.metrics.process import watch_process
from modelport.telemetry.metrics.requests import RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics


def watch(
    metrics: Metrics,
    requests: RequestCounts,
    readings: Readings,
    runs: RunService,
    jobs: JobService,
    reports: ModelReports,
) -> None:
    """Have all of it shown. Called in the loop of the server, once the engine is open."""
    engine = readings.engine
    ModelMetrics(readings, requests).watch(metrics)
    DriftMetrics(engine, runs, reports).watch(metrics)
    watch_jobs(metrics, jobs, readings)
    watch_bodies(metrics)
    watch_spool(metrics, engine.spool.root)
    watch_database(metrics, jobs.storage)
    watch_process(metrics)
