"""Runs and versions as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import structs

from modelport.api.resources import runs
from modelport.api.resources.versions import Kind, ModelVersion, Promotion
from modelport.jobs.views import utc
from modelport.runs import records


def run_summary(run: records.Run, aliases: Mapping[str, int], place: str) -> runs.RunSummary:
    """A run in a list. `place` is the path of the model's resources."""
    duration = run.duration
    return runs.RunSummary(
        run_id=run.id,
        model=run.model,
        version=run.version,
        aliases=sorted(name for name, version in aliases.items() if version == run.version),
        source=run.source,
        name=run.name,
        started_at=utc(run.started_at),
        finished_at=utc(run.finished_at),
        duration=None if duration is None else round(duration, 3),
        params=run.params,
        metrics=run.metrics,
        performance=run.performance,
        links={"self": f"{place}/runs/{run.id}"},
    )


def run_body(run: records.Run, aliases: Mapping[str, int], place: str, base_path: str) -> runs.Run:
    """All that is known of a run."""
    known = structs.asdict(run_summary(run, aliases, place))
    links: dict[str, str] = known.pop("links")
    if run.version is not None:
        links["predict"] = f"{place}/runs/{run.id}/predict"
    if run.source == "job":
        job = f"{base_path}/v2/jobs/{run.id}"
        links |= {
            "job": job,
            "log": f"{job}/log",
            "metrics": f"{job}/metrics",
            "artifacts": f"{job}/artifacts/",
        }
    return runs.Run(
        **known, seed=run.seed, code_version=run.code_version, environment=run.environment, links=links
    )


def version_body(run: records.Run, aliases: Mapping[str, int], loaded: set[int], place: str) -> ModelVersion:
    """A version and the run that made it."""
    assert run.version is not None
    return ModelVersion(
        version=run.version,
        run_id=run.id,
        aliases=sorted(name for name, version in aliases.items() if version == run.version),
        loaded=run.version in loaded,
        created_at=utc(run.finished_at),
        performance=run.performance,
        links={
            "run": f"{place}/runs/{run.id}",
            "predict": f"{place}/versions/{run.version}/predict/",
        },
    )


def base_version_body(aliases: Mapping[str, int], loaded: set[int], place: str) -> ModelVersion:
    """Version 0: the model as its source has it."""
    return ModelVersion(
        version=0,
        run_id=None,
        aliases=sorted(name for name, version in aliases.items() if version == 0),
        loaded=0 in loaded,
        created_at=None,
        performance={},
        links={"predict": f"{place}/versions/0/predict/"},
    )


def promotion_body(promotion: records.Promotion) -> Promotion:
    """A change of what is live."""
    report = promotion.report
    return Promotion(
        cast("Kind", promotion.kind),
        promotion.before,
        promotion.after,
        utc(promotion.at),
        report.get("checks"),
        report.get("regressions"),
        report.get("warnings", []),
    )
