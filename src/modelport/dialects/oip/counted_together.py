"""What several server processes have counted, in the words of Triton's statistics, as that of one server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelport.dialects.oip.counted import BatchTimes, CountedTime, InferenceTimes, VersionStatistics
from modelport.siblings import Answers

COUNTED = "inference statistics"  # what is asked of all by this name
TIMES = InferenceTimes.__struct_fields__


def together(told: Answers) -> list[VersionStatistics]:
    """The statistics of each version that is loaded somewhere."""
    there = _by_version(told.bodies)
    left = _by_version([told.left])
    return [_version([*alike, *left.get(version, ())]) for version, alike in there.items()]


def left_of(bodies: Iterable[bytes]) -> bytes:
    """What of the answers stays true when their processes have ended: all of it is counted."""
    return msgspec.msgpack.encode([_version(alike) for alike in _by_version(bodies).values()])


def _by_version(bodies: Iterable[bytes]) -> dict[tuple[str, str], list[VersionStatistics]]:
    found: dict[tuple[str, str], list[VersionStatistics]] = {}
    for body in bodies:
        for one in msgspec.msgpack.decode(body, type=list[VersionStatistics]) if body else ():
            found.setdefault((one.name, one.version), []).append(one)
    return found


def _version(alike: Sequence[VersionStatistics]) -> VersionStatistics:
    times = {name: _time([getattr(one.inference_stats, name) for one in alike]) for name in TIMES}
    batches: dict[int, list[BatchTimes]] = {}
    for batch in (batch for one in alike for batch in one.batch_stats):
        batches.setdefault(batch.batch_size, []).append(batch)
    return VersionStatistics(
        name=alike[0].name,
        version=alike[0].version,
        last_inference=max(one.last_inference for one in alike),
        inference_count=sum(one.inference_count for one in alike),
        execution_count=sum(one.execution_count for one in alike),
        inference_stats=InferenceTimes(**times),
        batch_stats=[_batch(batches[size]) for size in sorted(batches)],
    )


def _batch(alike: Sequence[BatchTimes]) -> BatchTimes:
    return BatchTimes(
        alike[0].batch_size,
        _time([one.compute_input for one in alike]),
        _time([one.compute_infer for one in alike]),
        _time([one.compute_output for one in alike]),
    )


def _time(alike: Sequence[CountedTime]) -> CountedTime:
    return CountedTime(sum(one.count for one in alike), sum(one.ns for one in alike))
