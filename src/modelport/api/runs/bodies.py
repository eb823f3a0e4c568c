"""Runs and versions as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.jobs.views import utc
from modelport.runs.records import Promotion, Run


def run_summary(run: Run, aliases: Mapping[str, int], place: str) -> dict[str, Any]:
    """A run in a list. `place` is the path of the model's resources."""
    duration = run.duration
    return {
        "run_id": run.id,
        "model": run.model,
        "version": run.version,
        "aliases": sorted(name for name, version in aliases.items() if version == run.version),
        "source": run.source,
        "name": run.name,
        "started_at": utc(run.started_at),
        "finished_at": utc(run.finished_at),
        "duration": None if duration is None else round(duration, 3),
        "params": run.params,
        "metrics": run.metrics,
        "performance": run.performance,
        "links": {"self": f"{place}/runs/{run.id}"},
    }


def run_body(run: Run, aliases: Mapping[str, int], place: str, base_path: str) -> dict[str, Any]:
    """All that is known of a run."""
    body = run_summary(run, aliases, place)
    links = body.pop("links")
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
    return body | {
        "seed": run.seed,
        "code_version": run.code_version,
        "environment": run.environment,
        "links": links,
    }


def version_body(run: Run, aliases: Mapping[str, int], loaded: set[int], place: str) -> dict[str, Any]:
    """A version and the run that made it."""
    assert run.version is not None
    return {
        "version": run.version,
        "run_id": run.id,
        "aliases": sorted(name for name, version in aliases.items() if version == run.version),
        "loaded": run.version in loaded,
        "created_at": utc(run.finished_at),
        "performance": run.performance,
        "links": {
            "run": f"{place}/runs/{run.id}",
            "predict": f"{place}/versions/{run.version}/predict/",
        },
    }


def base_version_body(aliases: Mapping[str, int], loaded: set[int], place: str) -> dict[str, Any]:
    """Version 0: the model as its source has it."""
    return {
        "version": 0,
        "run_id": None,
        "aliases": sorted(name for name, version in aliases.items() if version == 0),
        "loaded": 0 in loaded,
        "created_at": None,
        "performance": {},
        "links": {"predict": f"{place}/versions/0/predict/"},
    }


def promotion_body(promotion: Promotion) -> dict[str, Any]:
    """A change of what is live."""
    return {
        "kind": promotion.kind,
        "before": promotion.before,
        "after": promotion.after,
        "at": utc(promotion.at),
        **{name: promotion.report.get(name) for name in ("checks", "regressions")},
        "warnings": promotion.report.get("warnings", []),
    }
