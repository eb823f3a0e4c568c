"""A report on a model: made in a process of its own, out of the payload log.

    python -P -m modelport.monitoring.report < ORDER > REPORT

Values that strangers have sent are looked at here, in bounded time and memory, and not in the server.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from modelport.monitoring.comparing import LEAST, compared, described
from modelport.monitoring.reports import (
    Feature,
    Latency,
    ReadLog,
    Reference,
    Report,
    ScoreThen,
    Times,
    VersionReport,
    worst,
)
from modelport.monitoring.samples import Columns
from modelport.monitoring.scores import Pair, feedback_of, score
from modelport.monitoring.values import rows_of_answer, rows_of_input, rows_of_recorded
from modelport.telemetry.payloads.index import truths_of
from modelport.telemetry.payloads.reading import Reading
from modelport.telemetry.payloads.records import Record
from modelport.telemetry.payloads.segments import INDEX
from modelport.telemetry.payloads.shared_names import truths_brought
from modelport.telemetry.payloads.truths import pairs_of

MEMORY = 4 << 30
MOST_RECORDS = 50_000  # of a window
MOST_BYTES = 512 << 20
MOST_VERSIONS = 10
MOST_REFERENCE = 256 << 20  # bytes of what a training has recorded
PARTS = 12  # of the window, for scores over time


class Order(msgspec.Struct, kw_only=True):
    """What a report is to be on. Without `version` it is on each that has answered.

    `trainings` has by version the file in which its training has recorded its reference, `otherwise` is for
    versions that have none; with a `reference_window` that counts instead. `columns` are those of arguments
    whose rows do not name them. `beside` are the logs of other processes of this server, `others` the folders
    of what other servers have kept.
    """

    folder: str
    beside: Sequence[str] = ()
    others: Sequence[str] = ()
    model: str
    window: Times
    version: int | None = None
    reference_window: Times | None = None
    otherwise: Times | None = None
    trainings: dict[int, str] = {}
    columns: dict[str, list[str]] = {}
    share: float = 0.0

    @property
    def folders(self) -> list[Path]:
        """Those of all the logs that are read."""
        return [Path(folder) for folder in (self.folder, *self.beside, *self.others)]


class Recorded(msgspec.Struct):
    """What a training has recorded: the inputs that it was made with, and perhaps answers."""

    inputs: Any = None
    answers: Any = None


class Sides:
    """The columns of inputs and of answers."""

    def __init__(self) -> None:
        self.inputs = Columns()
        self.answers = Columns()

    def add(self, record: Record, columns: Mapping[str, Sequence[str]]) -> None:
        """Take a prediction in, if it was one: what was refused says nothing of inputs."""
        if record.status >= 400:
            return
        self.inputs.add(rows_of_input(record.input, columns))
        if "value" in record.answer:
            self.answers.add(rows_of_answer(record.answer["value"]))


class Version:
    """What was found of one version."""

    def __init__(self) -> None:
        self.sides = Sides()
        self.errors = 0
        self.seconds: list[float] = []
        self.answered: dict[str, tuple[float, Any]] = {}

    def add(self, record: Record, columns: Mapping[str, Sequence[str]]) -> None:
        """Take a prediction in."""
        self.sides.add(record, columns)
        self.errors += record.status >= 400
        self.seconds.append(record.seconds)
        if record.status < 400 and "value" in record.answer:
            self.answered[record.request_id] = (record.at.timestamp(), record.answer["value"])


def report_of(order: Order) -> Report:
    """The report that is asked for. Raises `OSError`."""
    reading = Reading(order.folders, order.model, MOST_RECORDS, MOST_BYTES)
    versions: dict[int | None, Version] = {}
    words = ""
    for record in reading.records(order.window.begin, order.window.end):
        if order.version is not None and record.version != order.version:
            continue
        if record.version not in versions and len(versions) >= MOST_VERSIONS:
            words = f"more than {MOST_VERSIONS} versions have answered: name one"
            continue
        versions.setdefault(record.version, Version()).add(record, order.columns)
    references = References(order)
    made = [
        _version_report(order, number, version, references)
        for number, version in sorted(versions.items(), key=lambda item: -1 if item[0] is None else -item[0])
    ]
    log = ReadLog(
        share=order.share,
        read=reading.read,
        not_read=reading.not_read,
        torn=reading.torn,
        words="; ".join(filter(None, (words, reading.words))),
    )
    return Report(
        model=order.model,
        window=order.window,
        made_at=datetime.now(UTC),
        verdict=worst([one.verdict for one in made]),
        versions=made,
        log=log,
    )


class References:
    """What versions are compared with. The log is read for it once."""

    def __init__(self, order: Order):
        self._order = order
        self._read: tuple[Sides, Reference] | None = None

    def of(self, number: int | None) -> tuple[Sides, Reference]:
        """That of a version."""
        order = self._order
        if order.reference_window is not None:
            return self._of_window(order.reference_window)
        sides, said = _of_training(order, number)
        if said.kind == "none" and order.otherwise is not None:
            return self._of_window(order.otherwise)
        return sides, said

    def _of_window(self, window: Times) -> tuple[Sides, Reference]:
        if self._read is None:
            self._read = _of_window(self._order, window)
        return self._read


def _of_window(order: Order, window: Times) -> tuple[Sides, Reference]:
    """The reference that is a time of the log."""
    sides = Sides()
    reading = Reading(order.folders, order.model, MOST_RECORDS, MOST_BYTES)
    for record in reading.records(window.begin, window.end):
        if order.version is None or record.version == order.version:
            sides.add(record, order.columns)
    words = "" if reading.read else "the log has no predictions of that time"
    return sides, Reference("window", window, words)


def _of_training(order: Order, number: int | None) -> tuple[Sides, Reference]:
    """The reference that the training of a version has recorded."""
    path = order.trainings.get(number) if number is not None else None
    if path is None:
        words = (
            "no training of this version has recorded a reference (current_job().reference); "
            "a time of the log can be one: reference=7d, or --reference 7d"
        )
        return Sides(), Reference("none", None, words)
    sides = Sides()
    place = Path(path)
    try:
        if place.stat().st_size > MOST_REFERENCE:
            return sides, Reference("none", None, "what its training has recorded is too large")
        recorded = msgspec.json.decode(place.read_bytes(), type=Recorded)
    except (OSError, msgspec.DecodeError) as error:
        why = getattr(error, "strerror", None) or error
        said = f"what its training has recorded ({place.name}) cannot be read: {why}"
        return sides, Reference("none", None, said)
    sides.inputs.add(rows_of_recorded(recorded.inputs, order.columns))
    if recorded.answers is not None:
        sides.answers.add(rows_of_recorded(recorded.answers, {}, "answer"))
    return sides, Reference("training")


def _version_report(
    order: Order, number: int | None, version: Version, references: References
) -> VersionReport:
    sides, said = references.of(number)
    inputs = _features(version.sides.inputs, sides.inputs)
    answers = _features(version.sides.answers, sides.answers)
    calls = len(version.seconds)
    words = [f"too few calls: {calls}, {LEAST} are needed"] if calls < LEAST else []
    if version.sides.inputs.left_out or version.sides.answers.left_out:
        words.append("there are more columns than are looked at")
    return VersionReport(
        version=number,
        calls=calls,
        errors=version.errors,
        error_rate=version.errors / calls if calls else None,
        latency=_latency(version.seconds),
        reference=said,
        inputs=inputs,
        answers=answers,
        feedback=_feedback(order, version),
        verdict=worst([one.verdict for one in (*inputs, *answers)]),
        words="; ".join(words),
    )


def _features(current: Columns, reference: Columns) -> list[Feature]:
    if not reference.columns:
        return [described(current, column) for column in current.columns.values()]
    names = [*current.columns, *(name for name in reference.columns if name not in current.columns)]
    return [compared(current, reference, name) for name in names if current.rows]


def _latency(seconds: list[float]) -> Latency | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Latency(*(ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.9, 0.99)))


def _feedback(order: Order, version: Version) -> Any:
    pairs: list[Pair] = []
    unmatched = 0
    ids = list(version.answered)
    known = [truths_of(Path(folder) / INDEX, ids) for folder in (order.folder, *order.beside)]
    brought = truths_brought([Path(folder) for folder in order.others], order.model, version.answered)
    for request_id, truth in chain(*known, brought):
        at, answer = version.answered[request_id]
        found = pairs_of(answer, truth)
        unmatched += not found
        pairs += [Pair(at, predicted, true) for predicted, true in found]
    return feedback_of(pairs, unmatched, _over_time(pairs, order.window))


def _over_time(pairs: list[Pair], window: Times) -> list[ScoreThen]:
    """Scores of parts of the window in which there is feedback."""
    length = (window.end - window.begin).total_seconds() / PARTS
    begin = window.begin.timestamp()
    parts: dict[int, list[Pair]] = {}
    for pair in pairs:
        parts.setdefault(int((pair.at - begin) / length), []).append(pair)
    made: list[ScoreThen] = []
    for place in sorted(parts):
        found = msgspec.structs.asdict(score(parts[place]))
        since = window.begin + timedelta(seconds=length * place)
        made.append(ScoreThen(**found, window=Times(since, since + timedelta(seconds=length))))
    return made


def main() -> int:
    """The process: an order on stdin, the report on stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(10)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(report_of(order)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
