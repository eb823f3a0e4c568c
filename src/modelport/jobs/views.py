"""A job as clients see it: the JSON in `/v2/jobs` and in webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelport.jobs import records
from modelport.jobs.records import Outcome
from modelport.jobs.states import KINDS, State
from modelport.problems import PHRASES

Time = Annotated[str | None, Meta(extra_json_schema={"format": "date-time"})]


class JobProgress(msgspec.Struct):
    done: float | None
    total: float | None
    message: str


class Job(msgspec.Struct):
    """Long work: a prediction, a training or a validation that survives restarts."""

    id: str
    kind: Annotated[str, Meta(extra_json_schema={"enum": list(KINDS)})]
    model: str
    model_version: str
    state: Annotated[str, Meta(extra_json_schema={"enum": list(State)})]
    attempt: int
    max_attempts: int
    priority: int
    arguments: Annotated[dict[str, Any], Meta(description="The arguments; files by name and media type")]
    requested_by: str
    cancel_requested: bool
    revision: Annotated[int, Meta(description="Rises with each change")]
    created_at: Time
    started_at: Time
    finished_at: Time
    duration: Annotated[float | None, Meta(description="Seconds that it ran")]
    progress: JobProgress | None
    status: Annotated[int | None, Meta(description="HTTP status of the model's answer, once it has ended")]
    reason: Annotated[str | None, Meta(description="The words that go with the status")]
    error: Annotated[str | None, Meta(description="What went wrong")]
    ended_by: Annotated[str | None, Meta(description="What its end took, such as return, exception, SIGTERM")]
    links: dict[str, str]


def job_view(job: records.Job, base_path: str) -> Job:
    """A job in `/v2/jobs`. Times are RFC 3339, UTC; durations seconds."""
    outcome = job.outcome
    return Job(
        id=job.id,
        kind=job.kind,
        model=job.model,
        model_version=job.model_version,
        state=str(job.state),
        attempt=job.attempt,
        max_attempts=max(job.max_attempts, job.attempt),  # more where somebody has retried it
        priority=job.priority,
        arguments=job.arguments,
        requested_by=job.requested_by,
        cancel_requested=job.cancel_requested,
        revision=job.revision,
        created_at=utc(job.created_at),
        started_at=utc(job.started_at),
        finished_at=utc(job.finished_at),
        duration=_duration(job),
        progress=None if job.done is None else JobProgress(job.done, job.total, job.message),
        status=outcome.status if outcome is not None else None,
        reason=_reason(outcome),
        error=outcome.error if outcome is not None and outcome.error else None,
        ended_by=outcome.ended_by if outcome is not None else None,
        links=_links(f"{base_path}/v2/jobs/{job.id}"),
    )


def _links(place: str) -> dict[str, str]:
    return {
        "self": place,
        "events": f"{place}/events",
        "log": f"{place}/log",
        "metrics": f"{place}/metrics",
        "artifacts": f"{place}/artifacts/",
        "result": f"{place}/result",
    }


def _reason(outcome: Outcome | None) -> str | None:
    """The words that go with the status of an answer; not every status of ours has any."""
    return None if outcome is None else outcome.reason or PHRASES.get(outcome.status)


def utc(at: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _duration(job: records.Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return round(max(job.finished_at - job.started_at, 0.0), 3)
