"""What is told of jobs: those that have not ended, by the database; attempts and webhooks, as this server has
counted them.
"""

from __future__ import annotations

from time import time

from modelport.api.metrics.readings import Readings
from modelport.jobs.service import JobService
from modelport.jobs.tally import JobTally
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.text import Page


def watch_jobs(metrics: Metrics, jobs: JobService, readings: Readings) -> None:
    """Have jobs shown."""
    unended = readings.jobs

    def show(page: Page) -> None:
        for found in unended.value or ():
            page.add(of.JOBS, (found.model, found.kind, found.state), found.jobs)
            if found.oldest is not None:
                page.add(of.OLDEST_JOB, (found.model, found.kind), max(0.0, time() - found.oldest))
        if not jobs.unavailable:
            _show_tally(page, jobs.store.tally)

    metrics.sources.append(show)


def _show_tally(page: Page, tally: JobTally) -> None:
    for labels, count in tally.begun.items():
        page.add(of.ATTEMPTS, labels, count)
    for labels, count in tally.ended.items():
        page.add(of.ATTEMPTS_ENDED, labels, count)
    for labels, histogram in tally.waits.items():
        page.histogram(of.JOB_WAIT, labels, histogram)
    for labels, histogram in tally.attempts.items():
        page.histogram(of.JOB_SECONDS, labels, histogram)
    for result, count in tally.webhooks.items():
        page.add(of.WEBHOOKS, (result,), count)
