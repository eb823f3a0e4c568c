"""A batch job from its first row, or from where an attempt before has ended, to the file of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

from modelport.contract.calls import GIVEN_UP, Answer, Batch, Call
from modelport.contract.current_job import JobReporter
from modelport.contract.errors import BadRequest, HTTPError
from modelport.contract.kept_files import BATCH, PARTIAL, sync, sync_names
from modelport.contract.rows_taken import rows_taken
from modelport.guards.errors import TableInvalid
from modelport.worker.batch_jobs.checking import checked_input, given_columns, known_names
from modelport.worker.batch_jobs.chunks import BatchInput, Chunk, Fault, Line
from modelport.worker.batch_jobs.faults import MAX_TRACES, Faults
from modelport.worker.batch_jobs.inputs import fitting_rows
from modelport.worker.batch_jobs.joining import join
from modelport.worker.batch_jobs.parts import Part, Parts
from modelport.worker.batch_jobs.row_by_row import RowByRow
from modelport.worker.batch_jobs.rows_together import RowsTogether
from modelport.worker.cancellation import CallCancelled, Terminated
from modelport.worker.host import Host
from modelport.worker.world import end_if_forked

ROWS_TOGETHER, ROWS_ALONE = 4096, 256  # of a chunk, unless the job says otherwise
MAX_SHOWN = 10  # errors in the result


class Predictor(Protocol):
    """What predicts the readable rows of a chunk."""

    def predict(self, chunk: Chunk) -> list[bytes | Fault]: ...


class Plan(msgspec.Struct):
    """What must be the same in each attempt: where chunks end."""

    chunk_rows: int


class ShownFault(msgspec.Struct):
    """A row that failed, counted from 0."""

    row: int
    status: int
    detail: str


class BatchResult(msgspec.Struct):
    """What a batch job returns: how its rows went, and the artifact that has its answers."""

    rows: int
    succeeded: int
    failed: int
    artifact: str
    media_type: str
    size: int
    errors: list[ShownFault]


def run_batch(host: Host, call: Call, reporter: JobReporter, traces: int = MAX_TRACES) -> Answer:
    """Predict every row, and keep the answers as an artifact. The answer says how it went.

    The first `traces` rows that the model fails at have their tracebacks in stderr.
    """
    try:
        host.running.start(call.id)
        faults = Faults(host, traces)
        result = _run(host, call, reporter, faults)
        return Answer(call.id, body=msgspec.json.encode(result), failure="\n".join(faults.hidden))
    except CallCancelled:
        return Answer(call.id, GIVEN_UP)
    except Terminated:
        raise
    except BaseException as error:  # the border to the model's code: anything may come
        end_if_forked(host.process, error)
        told = BadRequest(str(error), 422) if isinstance(error, TableInvalid) else error
        return host.failed(call, told)
    finally:
        host.running.end()


def _run(host: Host, call: Call, reporter: JobReporter, faults: Faults) -> BatchResult:
    with closing(checked_input(host.model, host.load, host.binding.bound, call)) as found:
        return _predicted(host, call, reporter, faults, found)


def _predicted(
    host: Host, call: Call, reporter: JobReporter, faults: Faults, found: BatchInput
) -> BatchResult:
    batch = call.batch
    assert batch is not None
    found.check()
    taken = rows_taken(host.model)
    predictor: Predictor = (
        RowByRow(host, call, faults) if taken is None else RowsTogether(host, call, taken, faults)
    )
    folder = reporter.checkpoint_dir / BATCH
    parts = Parts(folder)
    usual = ROWS_ALONE if taken is None else ROWS_TOGETHER
    plan = _plan(folder.with_suffix(".json"), fitting_rows(batch.chunk_rows or usual, found.columns))
    given = given_columns(host.model, batch, found)
    left_out = set(batch.keep) - known_names(host.model)
    done = parts.done
    for chunk in found.chunks(done, plan.chunk_rows):
        kept = _kept(chunk, batch) if batch.keep else None
        results = _in_place(chunk, predictor.predict(_given(chunk, given, left_out)))
        _refuse_faults(results, batch, done)
        parts.add(results, kept)
        done += chunk.rows
        words = "" if found.total is not None else f"{found.share():.0%} of the input"
        reporter.report("progress", {"done": done, "total": found.total, "message": words})
    parts.flush()
    return _finished(parts.parts, batch, reporter)


def _plan(path: Path, chunk_rows: int) -> Plan:
    """The plan of the first attempt, or a new one. Raises `OSError`."""
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    plan = Plan(chunk_rows)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    partial.write_bytes(msgspec.json.encode(plan))
    sync(partial)
    partial.replace(path)
    sync(path.parent)
    return plan


def _in_place(chunk: Chunk, results: list[bytes | Fault]) -> list[bytes | Fault]:
    """The answers of all rows: those that cannot be read have their faults."""
    if not chunk.broken:
        return results
    answers = iter(results)
    return [chunk.broken[place] if place in chunk.broken else next(answers) for place in range(chunk.rows)]


def _refuse_faults(results: list[bytes | Fault], batch: Batch, first: int) -> None:
    if batch.on_error != "fail":
        return
    for row, result in enumerate(results, first):
        if isinstance(result, Fault):
            status = result.status if 400 <= result.status <= 599 else 500
            raise HTTPError(status, f"row {row} failed: {result.detail}")


def _kept(chunk: Chunk, batch: Batch) -> list[dict[str, Any]]:
    """The values of each row that are kept; null where there are none."""
    nothing = dict.fromkeys(batch.keep)
    rows = [nothing] * chunk.rows
    for place, values in zip(chunk.readable(), _named(chunk, batch), strict=True):
        rows[place] = nothing | values
    return rows


def _named(chunk: Chunk, batch: Batch) -> Iterator[dict[str, Any]]:
    if chunk.table is not None:
        columns = chunk.table.select(list(batch.keep)).columns
        for values in zip(*columns, strict=True):
            yield dict(zip(batch.keep, values, strict=True))
        return
    for line in chunk.lines:
        cells = _cells(line)
        yield {name: cells[name] for name in batch.keep if name in cells}


def _given(chunk: Chunk, given: list[str], left_out: set[str]) -> Chunk:
    """The chunk as the model gets it, without what is only kept."""
    if chunk.table is not None:
        return chunk if given == chunk.table.names else chunk._replace(table=chunk.table.select(given))
    if not left_out:
        return chunk
    return chunk._replace(lines=[_without(line, left_out) for line in chunk.lines])


def _cells(line: Line) -> dict[str, Any]:
    value: Any = line.value
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _without(line: Line, names: set[str]) -> Line:
    if names.isdisjoint(_cells(line)):
        return line
    value = {name: cell for name, cell in _cells(line).items() if name not in names}
    return Line(msgspec.json.encode(value), value)


def _finished(parts: list[Part], batch: Batch, reporter: JobReporter) -> BatchResult:
    """Make the artifact. Raises `HTTPError` if not one row has an answer, and `OSError`."""
    rows, failed = sum(part.rows for part in parts), sum(part.failed for part in parts)
    errors = _first_faults(parts)
    if rows and failed == rows:
        first = errors[0]
        told = f"none of the {rows} rows could be predicted; row {first.row}: {first.detail}"
        raise HTTPError(first.status if 400 <= first.status <= 599 else 500, told)
    name = f"predictions.{batch.answer}"
    reporter.report("progress", {"done": rows, "total": rows, "message": "writing the answer"})
    target = reporter.artifact_dir / name
    partial = target.with_name(f".{name}{PARTIAL}")
    join(parts, batch, partial)
    sync(partial)
    partial.replace(target)
    sync_names(target.parent, target.parent)
    size = target.stat().st_size
    reporter.report("artifact", {"path": name, "size": size})
    return BatchResult(rows, rows - failed, failed, name, batch.answer.media_type, size, errors)


def _first_faults(parts: list[Part]) -> list[ShownFault]:
    faults = chain.from_iterable(_faults(part) for part in parts if part.failed)
    return list(islice(faults, MAX_SHOWN))


def _faults(part: Part) -> Iterator[ShownFault]:
    with part.path.open("rb") as file:
        for row, line in enumerate(file, part.first):
            said = msgspec.json.decode(line).get("error")
            if said is not None:
                yield ShownFault(row, said["status"], said["detail"])
