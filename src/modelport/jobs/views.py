"""A job as clients see it: the JSON in `/v2/jobs` and in webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelport.jobs.records import Job, Outcome
from modelport.reasons import PHRASES


def job_body(job: Job, base_path: str) -> dict[str, Any]:
    """The JSON of a job in `/v2/jobs`. Times are RFC 3339, UTC; durations seconds."""
    place = f"{base_path}/v2/jobs/{job.id}"
    outcome = job.outcome
    return {
        "id": job.id,
        "kind": job.kind,
        "model": job.model,
        "model_version": job.model_version,
        "state": str(job.state),
        "attempt": job.attempt,
        "max_attempts": max(job.max_attempts, job.attempt),  # more where somebody has retried it
        "priority": job.priority,
        "arguments": job.arguments,
        "requested_by": job.requested_by,
        "cancel_requested": job.cancel_requested,
        "revision": job.revision,
        "created_at": utc(job.created_at),
        "started_at": utc(job.started_at),
        "finished_at": utc(job.finished_at),
        "duration": _duration(job),
        "progress": None
        if job.done is None
        else {"done": job.done, "total": job.total, "message": job.message},
        "status": outcome.status if outcome is not None else None,
        "reason": _reason(outcome),
        "error": outcome.error if outcome is not None and outcome.error else None,
        "ended_by": outcome.ended_by if outcome is not None else None,
        "links": {
            "self": place,
            "events": f"{place}/events",
            "log": f"{place}/log",
            "metrics": f"{place}/metrics",
            "artifacts": f"{place}/artifacts/",
            "result": f"{place}/result",
        },
    }


def _reason(outcome: Outcome | None) -> str | None:
    """The words that go with the status of an answer; not every status of ours has any."""
    if outcome is None or outcome.reason:
        return outcome.reason if outcome is not None else None
    return PHRASES.get(outcome.status)


def utc(at: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _duration(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return round(max(job.finished_at - job.started_at, 0.0), 3)
