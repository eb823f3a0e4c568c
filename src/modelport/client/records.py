"""What the server says of jobs, as typed data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, cast

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]
Kind = Literal["train", "validate", "predict", "batch"]
EventType = Literal["state", "log", "metric", "progress", "artifact", "model", "performance", "environment"]
ENDED = ("succeeded", "failed", "cancelled", "interrupted")
TIMES = ("created_at", "started_at", "finished_at")


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` steps, if the total is known."""

    done: float
    total: float | None = None
    message: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. `sequence` counts from 1 in each job."""

    sequence: int
    type: EventType
    data: dict[str, Any]
    attempt: int
    at: datetime | None


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric."""

    step: int | None
    value: float
    at: datetime | None


@dataclass(eq=False, repr=False)
class JobRecord:
    """A job as the server described it last."""

    id: str
    kind: Kind = "predict"
    model: str = ""
    model_version: str = ""
    state: State = "queued"
    attempt: int = 0
    max_attempts: int = 1
    priority: int = 0
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    requested_by: str = ""
    cancel_requested: bool = False
    revision: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration: float | None = None
    progress: Progress | None = None
    status: int | None = None
    reason: str | None = None
    error: str | None = None
    ended_by: str | None = None
    links: dict[str, str] = field(default_factory=dict[str, str])

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.kind} {self.model}, {self.state}>"

    @property
    def ended(self) -> bool:
        """True when nothing happens to it any more, unless somebody asks for it."""
        return self.state in ENDED

    def update(self, body: dict[str, Any]) -> None:
        """Take over what the server says. What this client does not know is left out."""
        for each in fields(JobRecord):
            if each.name in body:
                setattr(self, each.name, _read(each.name, body[each.name]))

    def observe(self, event: Event) -> bool:
        """Take over what an event says of the state or the progress; false if it says nothing of them."""
        if event.type == "progress":
            self.progress = progress_of(event.data)
        elif event.type == "state":
            self.state = event.data["state"]
            self.attempt = event.attempt
        return event.type in ("progress", "state")


def _read(name: str, value: Any) -> Any:
    if name in TIMES:
        return moment(value)
    return progress_of(value) if name == "progress" else value


def moment(text: str | None) -> datetime | None:
    """A time of the server, which knows its zone."""
    return datetime.fromisoformat(text) if text else None


def progress_of(body: dict[str, Any] | None) -> Progress | None:
    """A progress out of JSON."""
    if body is None:
        return None
    return Progress(body["done"], body.get("total"), body.get("message") or "")


def event_of(sequence: int, kind: str, data: dict[str, Any]) -> Event:
    """A job's event out of a server-sent one."""
    rest = dict(data)
    attempt, at = rest.pop("attempt", 0), rest.pop("at", None)
    return Event(sequence, cast("EventType", kind), rest, attempt, moment(at))


def metrics_of(series: dict[str, list[dict[str, Any]]]) -> dict[str, list[MetricPoint]]:
    """The series of each metric."""
    return {
        name: [MetricPoint(p["step"], _number(p["value"]), moment(p["at"])) for p in points]
        for name, points in series.items()
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
