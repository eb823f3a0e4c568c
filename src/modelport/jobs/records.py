"""Jobs, their events and their outcomes, as data between the store, the runner and the APIs.

Times are seconds since the epoch, UTC, by the store's clock.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.calls import GIVEN_UP
from modelport.contract.traces import NOWHERE, Place
from modelport.jobs.states import KINDS as KINDS
from modelport.jobs.states import EventType, JobKind, State

FOR_EVER = -1.0  # as `keep_seconds`: until something else removes the job


class NewJob(msgspec.Struct, kw_only=True):
    """What is asked for. `call` is the msgpack of a `Call`, whose files lie in the job's folder.

    `arguments` are what a client may see of them. `idempotency_key` counts for one `requested_by`;
    `request_hash` tells a repeated request from another one with the same key.
    """

    id: str
    kind: JobKind
    model: str
    model_version: str = ""
    arguments: dict[str, Any] = {}
    call: bytes = b""
    accept: str = ""
    priority: int = 0  # higher runs first
    max_attempts: int = 1
    requested_by: str = ""
    idempotency_key: str | None = None
    request_hash: str = ""
    callback_url: str | None = None
    keep_seconds: float | None = None  # after its end; without it, as long as other jobs
    files: str = ""  # the list of what it was given, at the place of shared files


class QueueLimits(msgspec.Struct, frozen=True):
    """How many jobs may wait: of one model, in all, and of who asks; 0 for any number."""

    of_model: int = 0
    in_all: int = 0
    of_principal: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """How an attempt ended.

    `state` is `succeeded`, `failed`, `cancelled` or `interrupted`. The result is `result` with its media
    type, or, if it is large, the file `result_file` in the job's folder. `error` is the sentence for
    clients; `ended_by` says what it took: `return`, `exception`, `flag`, `SIGTERM`, `SIGKILL`, `crash`...
    """

    state: State
    status: int = 200  # what a prediction would have answered, with the next two
    reason: str = ""  # of the status, where it is not the standard phrase
    headers: list[tuple[str, str]] = []  # beside those of the body
    result: bytes = b""
    result_file: str = ""
    result_type: str = ""
    result_name: str = ""  # file name for Content-Disposition
    error: str = ""
    ended_by: str = "return"
    files: str = ""  # the list of what it has left, at the place of shared files


def cancelled_as(how: str) -> Outcome:
    """The outcome of a job that was cancelled, which took this much."""
    return Outcome(state=State.CANCELLED, status=GIVEN_UP, error="cancelled", ended_by=how)


class Job(msgspec.Struct, kw_only=True):
    """A job as the store has it. `number` rises with each submission; `revision` with each change.

    `max_attempts` is how often it is tried without being asked; a retry may lead beyond it.
    """

    number: int
    id: str
    kind: JobKind
    model: str
    model_version: str
    arguments: dict[str, Any]
    call: bytes
    accept: str
    priority: int
    state: State
    attempt: int
    max_attempts: int
    token: int
    owner: str
    cancel_requested: bool
    revision: int
    requested_by: str
    idempotency_key: str | None
    request_hash: str
    callback_url: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    done: float | None
    total: float | None
    message: str
    last_event: int
    outcome: Outcome | None
    keep_seconds: float | None = None


class Claim(msgspec.Struct, kw_only=True):
    """The right to run a job: its attempt, and the token that each write of the attempt must carry.

    `trace` is where the attempt stands in the trace of the request that has asked for the job.
    """

    job: Job
    token: int
    attempt: int
    trace: Place = NOWHERE


class NewEvent(msgspec.Struct, kw_only=True):
    """Something that an attempt reports.

    `type` is `log` (data: `line`, `stream`), `metric` (`name`, `value`, `step`), `progress` (`done`,
    `total`, `message`), `artifact` (`path`, `size`) or, made by the store itself, `state` (`state`, …).
    """

    type: EventType
    data: dict[str, Any]
    at: float | None = None


class Event(msgspec.Struct, kw_only=True, gc=False):
    """An event as the store has it: `sequence` counts from 1 in each job, without gaps."""

    job_id: str
    sequence: int
    attempt: int
    type: EventType
    at: float
    data: dict[str, Any]


class News(msgspec.Struct, kw_only=True):
    """Where a job stands, and its events after the number `since`: not all if there are `more`."""

    state: State
    since: int
    events: list[Event]
    more: bool = False


class Page(msgspec.Struct, kw_only=True):
    """Jobs, newest first, and the cursor of the next page (`None` at the end)."""

    jobs: list[Job]
    cursor: int | None


class Heartbeat(msgspec.Struct, kw_only=True):
    """What the store says to a heartbeat: which claims still hold, and which of those are to stop."""

    alive: set[str]
    cancel_requested: set[str]


class Metric(msgspec.Struct, gc=False):
    """One value of a metric, as an attempt logged it."""

    name: str
    value: float | None
    step: int | float | None
    attempt: int
    at: float


class Delivery(msgspec.Struct, kw_only=True):
    """A webhook that is due: tell `url` that the job came to `state`. `id` is the same at each attempt.

    `attempts` counts this one; `taken_at` is when it began, by the clock that `next_at` is measured by.
    """

    id: str
    job_id: str
    state: State
    revision: int
    url: str
    created_at: float
    attempts: int
    taken_at: float = 0.0
