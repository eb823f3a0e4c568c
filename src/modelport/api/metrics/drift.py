"""What is told of drift: by version, of the models of which predictions are kept.

What can go wrong, and what is done:

- *It costs more than it tells.* A report reads up to 50,000 predictions, in a process of its own with little
  priority. No scrape waits for one: each shows what the last one said, and they take a twentieth of the
  time at most, however many models there are.
- *Nobody scrapes.* Then there are none.
- *As many series as columns.* No label is a column: how many have drifted, and by how much the worst of them,
  is told; which, the report says (`/v2/models/{model}/monitoring`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, get_args

import msgspec

from modelport.api.model_reports import AskedReport, ModelReports
from modelport.engine.ports import Engine
from modelport.monitoring.process import ReportFailed
from modelport.monitoring.reports import Feature, Times, Verdict, VersionReport
from modelport.runs.service import RunService
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page
from modelport.telemetry.payloads.log import PayloadsUnavailable

READ_SECONDS = 300.0
STALE_SECONDS = 3 * 3600.0
WINDOW = timedelta(hours=24)
BEFORE = timedelta(days=7)  # that are compared with where no training has recorded a reference


class Drift(NamedTuple):
    """How far a version has drifted. Without a column of which anything can be said there are no numbers."""

    verdict: Verdict
    drifted: float | None  # the share of the columns
    largest_psi: float | None


class SeenDrift(NamedTuple):
    """What the report on a model has said, by version, and when it was made, in seconds of the epoch."""

    at: float
    versions: Mapping[int, Drift]


class DriftMetrics:
    """Has the models of an engine looked at, now and then, and shows what was found."""

    def __init__(self, engine: Engine, runs: RunService, reports: ModelReports):
        self._engine = engine
        self._runs = runs
        self._reports = reports
        self._seen = SlowReading("drift", READ_SECONDS, self._read, deadline=None, stale=STALE_SECONDS)

    def watch(self, metrics: Metrics) -> None:
        """Have it shown."""
        metrics.slow.append(self._seen)
        metrics.sources.append(self._show)

    async def _read(self) -> dict[str, SeenDrift]:
        found: dict[str, SeenDrift] = {}
        for name in list(self._engine.pools):
            if not self._reports.payloads.share(name):
                continue
            try:
                found[name] = await self._of_model(name)
            except (ReportFailed, PayloadsUnavailable):  # the log says why
                self._seen.failures += 1
        return found

    async def _of_model(self, name: str) -> SeenDrift:
        now = datetime.now(UTC)
        window = Times(now - WINDOW, now)
        asked = AskedReport(
            window=window,
            reference=None,
            version=None,
            key=msgspec.json.encode([name]),
            otherwise=Times(window.begin - BEFORE, window.begin),
        )
        report = await self._reports.report(self._engine.pools[name], asked)
        versions = {one.version: drift_of(one) for one in report.versions if one.version is not None}
        return SeenDrift(report.made_at.timestamp(), versions)

    def _show(self, page: Page) -> None:
        for name, seen in (self._seen.value or {}).items():
            live = self._engine.pools.get(name)
            if live is None:
                continue
            page.add(of.DRIFT_SEEN, (name,), seen.at)
            for version in {pool.version for pool in (live, *self._runs.versions.beside(name))}:
                if version in seen.versions:
                    _show_version(page, (name, str(version)), seen.versions[version])


def _show_version(page: Page, labels: tuple[str, str], drift: Drift) -> None:
    for verdict in get_args(Verdict):
        page.add(of.DRIFT, (*labels, verdict), int(verdict == drift.verdict))
    if drift.drifted is not None:
        page.add(of.DRIFTED, labels, drift.drifted)
    if drift.largest_psi is not None:
        page.add(of.LARGEST_PSI, labels, drift.largest_psi)


def drift_of(report: VersionReport) -> Drift:
    """What a report says of a version, in two numbers and a word."""
    told = [one for one in (*report.inputs, *report.answers) if one.verdict != "unknown"]
    compared = [_psi(one) for one in told if one.psi is not None]
    return Drift(
        report.verdict,
        sum(one.verdict == "drift" for one in told) / len(told) if told else None,
        max(compared, default=None),
    )


def _psi(feature: Feature) -> float:
    """What counts of it: nothing, where chance alone would give as much."""
    psi = feature.psi or 0.0
    return psi if psi > (feature.psi_by_chance or 0.0) else 0.0
