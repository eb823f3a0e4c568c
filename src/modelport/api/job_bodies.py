"""Jobs in words other than our own: DEEPaaS's JSON of a training, and server-sent events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from modelport.jobs.records import Event, Job
from modelport.jobs.states import State
from modelport.jobs.views import utc

# DEEPaaS has four words; source: its recorded exchanges.
DEEPAAS_STATUS = {
    State.QUEUED: "running",
    State.RUNNING: "running",
    State.SUCCEEDED: "done",
    State.FAILED: "error",
    State.INTERRUPTED: "error",
    State.CANCELLED: "cancelled",
}


def training_body(job: Job) -> dict[str, Any]:
    """A training as DEEPaaS shows it: its local times, its words, the answer of train() as it was.

    That answer is JSON already, perhaps with the NaN that only msgspec's encoder lets through.
    """
    body: dict[str, Any] = {
        "date": _local(job.created_at),
        "args": job.arguments,
        "uuid": job.id,
        "status": _status(job),
    }
    outcome = job.outcome
    if job.state is State.SUCCEEDED and outcome is not None:
        started = job.started_at or job.created_at
        finished = job.finished_at or started
        body["result"] = {
            "output": msgspec.Raw(outcome.result) if outcome.result else None,
            "finish_date": _local(finished),
            "duration": str(timedelta(seconds=max(finished - started, 0.0))),
        }
    elif job.state in (State.FAILED, State.INTERRUPTED):
        body["message"] = outcome.error if outcome is not None and outcome.error else f"{job.state}"
    return body


def _status(job: Job) -> str:
    if job.cancel_requested and job.state is State.RUNNING:
        return "cancelled"  # DEEPaaS's clients know no word for what is about to be
    return DEEPAAS_STATUS[job.state]


def _local(at: float) -> str:
    return str(datetime.fromtimestamp(at))


def event_bytes(event: Event) -> bytes:
    """A job's event as a server-sent event: its sequence number is the id to resume from."""
    data = {"attempt": event.attempt, "at": utc(event.at), **event.data}
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (
        event.sequence,
        event.type.encode(),
        msgspec.json.encode(data),
    )
