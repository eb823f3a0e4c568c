"""What several server processes have counted of models, as that of one server: counts and places add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from modelport.api.resources.statistics import (
    CountedRequests,
    ModelStatistics,
    SeenVersion,
    Spread,
    Statistics,
)
from modelport.siblings import Answers

STATISTICS = "statistics"  # what is asked of all by this name
READY = "ready"


def together(told: Answers) -> Statistics:
    """The statistics of all as those of one server. Of the first is what all know: jobs, and what is live.

    A model is in the state of a process in which it is not ready, if there is one.
    """
    there = [_statistics(body) for body in told.bodies if body]
    found = _together(there, [_statistics(told.left)] if told.left else [])
    if told.missing:
        found.unread.append("processes")
    return found


def left_of(bodies: Iterable[bytes]) -> bytes:
    """What of the answers stays true when their processes have ended: what they have counted."""
    told = [_statistics(body) for body in bodies if body]
    return msgspec.msgpack.encode(_together(told, []))


def _statistics(body: bytes) -> Statistics:
    return msgspec.msgpack.decode(body, type=Statistics)


def _together(there: Sequence[Statistics], left: Sequence[Statistics]) -> Statistics:
    """What these tell, with what is left of others."""
    every = [*there, *left]
    models: dict[str, ModelStatistics] = {}
    for name in dict.fromkeys(name for one in there for name in one.models):
        models[name] = _model(_of(name, there), _of(name, left))
    unread = sorted({part for one in there for part in one.unread})
    return Statistics(max(one.at for one in there), min(one.began for one in every), models, unread)


def _of(name: str, told: Sequence[Statistics]) -> list[ModelStatistics]:
    return [one.models[name] for one in told if name in one.models]


def _model(there: Sequence[ModelStatistics], left: Sequence[ModelStatistics]) -> ModelStatistics:
    shown = next((one for one in there if one.state != READY), there[0])
    every = [*there, *left]
    return ModelStatistics(
        live=there[0].live,
        state=shown.state,
        since=shown.since,
        queue_size=sum(one.queue_size for one in there),
        workers_wanted=sum(one.workers_wanted for one in there),
        workers=[worker for one in there for worker in one.workers],
        versions=_versions(there, every),
        requests=_requests([one.requests for one in every if one.requests is not None]),
        queued_seconds=_spread([one.queued_seconds for one in every]),
        worked_seconds=_spread([one.worked_seconds for one in every]),
        pieces=sum(one.pieces for one in every),
        restarts=sum(one.restarts for one in every),
        memory_replacements=sum(one.memory_replacements for one in every),
        ends=_added(one.ends for one in every),
        jobs=there[0].jobs,
    )


def _versions(there: Sequence[ModelStatistics], every: Sequence[ModelStatistics]) -> list[SeenVersion]:
    """Each version that is loaded somewhere, the live one of the first before all."""
    alike: dict[int, list[SeenVersion]] = {}
    for version in (version for one in there for version in one.versions):
        alike.setdefault(version.version, []).append(version)
    answers: dict[int, list[dict[str, int]]] = {number: [] for number in alike}
    for version in (version for one in every for version in one.versions):
        if version.answers is not None and version.version in answers:
            answers[version.version].append(version.answers)
    return [_version(some, answers[number]) for number, some in alike.items()]


def _version(alike: Sequence[SeenVersion], answers: Sequence[dict[str, int]]) -> SeenVersion:
    shown = next((one for one in alike if one.state != READY), alike[0])
    return SeenVersion(
        version=shown.version,
        state=shown.state,
        share=alike[0].share,
        waiting=sum(one.waiting for one in alike),
        running=sum(one.running for one in alike),
        answers=_added(answers) if answers else None,
    )


def _requests(told: Sequence[CountedRequests]) -> CountedRequests | None:
    if not told:
        return None
    return CountedRequests(
        answers=_added(one.answers for one in told),
        seconds=_spread([one.seconds for one in told]),
        stream_seconds=_spread([one.stream_seconds for one in told]),
        bytes_in=sum(one.bytes_in for one in told),
        bytes_out=sum(one.bytes_out for one in told),
    )


def _spread(told: Sequence[Spread]) -> Spread:
    counts = [sum(places) for places in zip(*(one.counts for one in told), strict=True)]
    return Spread(told[0].bounds, counts, round(sum(one.total for one in told), 6))


def _added(told: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Numbers by name, added up."""
    found: Counter[str] = Counter()
    for one in told:
        found.update(one)
    return dict(sorted(found.items()))
