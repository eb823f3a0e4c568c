"""What a server tells of how it goes, in numbers: counts since it began, from which rates are made."""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.api.resources.described import Count, VersionNumber, words

Seconds = Annotated[float, words("Seconds of the epoch, by the server's clock")]
ByStatus = Annotated[dict[str, int], words("How many, by the class of the status: 2xx, 4xx, 5xx; left (499)")]


class Spread(msgspec.Struct):
    """How many values fell between which bounds, and their sum."""

    bounds: list[float]
    counts: Annotated[list[int], words("Up to each bound and above the one before; then above the last")]
    total: float


class CountedRequests(msgspec.Struct):
    """The requests that have asked a model."""

    answers: ByStatus
    seconds: Annotated[Spread, words("From a request until its whole answer was sent; without streams")]
    stream_seconds: Annotated[Spread, words("The same of streams")]
    bytes_in: Count
    bytes_out: Count


class SeenWorker(msgspec.Struct):
    """A worker of a model."""

    version: VersionNumber
    number: Annotated[int, words("Its place: the successor of one that has ended gets the same")]
    process: Annotated[int, words("The server process that asks it; 0 is the first or only one")]
    state: Annotated[str, words("starting, free, busy or ending")]
    calls: Annotated[int, words("That it has now")]
    memory: Annotated[int | None, words("Bytes that are resident, of its process")]


class SeenVersion(msgspec.Struct):
    """A version of a model that is loaded."""

    version: VersionNumber
    state: str
    share: Annotated[float, words("Of the calls to the model that it gets, from 0 to 1")]
    waiting: Annotated[Count, words("Calls in its queue")]
    running: Annotated[Count, words("Calls that workers have")]
    answers: Annotated[ByStatus | None, words("Null where nothing is counted (metrics)")]


class SeenJobs(msgspec.Struct):
    """Jobs of a model that have not ended."""

    kind: str
    state: str
    count: Count
    oldest: Annotated[float | None, words("Seconds that the first of those that wait has waited")]


class ModelStatistics(msgspec.Struct):
    """How a model is doing."""

    live: Annotated[int, words("The version that answers; 0 is the model as its source has it")]
    state: str
    since: Annotated[float, words("When it has come into this state, in seconds of the epoch")]
    queue_size: Annotated[int, words("Calls that may wait")]
    workers_wanted: int
    workers: list[SeenWorker]
    versions: Annotated[list[SeenVersion], words("The live one first")]
    requests: Annotated[CountedRequests | None, words("Null where nothing is counted (metrics)")]
    queued_seconds: Annotated[Spread, words("What calls have waited for a worker")]
    worked_seconds: Annotated[Spread, words("What answers took there")]
    pieces: Annotated[Count, words("That streams have sent")]
    restarts: Annotated[Count, words("Workers that were started again after they had ended")]
    memory_replacements: Annotated[Count, words("Workers that were replaced because of memory_limit")]
    ends: Annotated[dict[str, int], words("Why workers have ended, and how often")]
    jobs: Annotated[list[SeenJobs], words("Those that have not ended, of all servers of this database")]


class Statistics(msgspec.Struct):
    """How each model is doing that one may read of."""

    at: Seconds
    began: Annotated[float, words("When this server began, and its counts at 0, in seconds of the epoch")]
    models: dict[str, ModelStatistics]
    unread: Annotated[list[str], words("What could not be read this time: memory, jobs, processes")]
