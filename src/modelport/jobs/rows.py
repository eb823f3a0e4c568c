"""Between rows of the tables and the records that the rest of modelport sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import RowMapping

from modelport.jobs.records import Event, Job, NewEvent, NewJob, Outcome
from modelport.jobs.states import State
from modelport.storage.schema.jobs import jobs

LARGE = ("call", "result", "headers")
WHOLE = [column for column in jobs.c if column.name != "lease_until"]
# What a list shows of a job: everything but the call and the result with its headers.
SUMMARY = [column for column in WHOLE if column.name not in LARGE]
OUTCOME = ("reason", "headers", "result", "result_file", "result_type", "result_name", "error", "ended_by")
NO_OUTCOME: dict[str, Any] = {
    "status": None,
    "result": b"",
    "headers": b"",
    **dict.fromkeys((name for name in OUTCOME if name not in LARGE), ""),
}
ROW_LINES = 500  # lines of a log in one row, at most
ROW_CHARACTERS = 32768

_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def plain(text: str) -> str:
    """`text` as any database takes it: without NUL characters and broken surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def packed(data: Mapping[str, Any]) -> bytes:
    """Data as the tables hold it: msgpack, which keeps NaN as JSON does not. Takes anything."""
    try:
        return _encoder.encode(data)
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError):
        return _encoder.encode(_tame(data))


def _tame(value: Any, depth: int = 0) -> Any:
    """`value` with what msgpack cannot hold replaced by text."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if depth > 50:
        return "…"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value)
        return {plain(str(key)): _tame(item, depth + 1) for key, item in pairs.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tame(item, depth + 1) for item in cast("Iterable[Any]", value)]
    return value


def unpacked(data: bytes) -> Any:
    """What `packed` packed."""
    return msgspec.msgpack.decode(data)


def packed_headers(headers: list[tuple[str, str]]) -> bytes:
    """Header fields as the tables hold them: empty where there are none."""
    return _encoder.encode([(plain(name), plain(value)) for name, value in headers]) if headers else b""


def unpacked_headers(data: bytes) -> list[tuple[str, str]]:
    """What `packed_headers` packed."""
    return msgspec.msgpack.decode(data, type=list[tuple[str, str]]) if data else []


def row_of_new(new: NewJob, now: float) -> dict[str, Any]:
    """The row of a job that was just asked for."""
    return {
        "id": new.id,
        "kind": new.kind,
        "model": plain(new.model),
        "model_version": plain(new.model_version),
        "accept": plain(new.accept),
        "priority": new.priority,
        "state": State.QUEUED.value,
        "attempt": 0,
        "max_attempts": new.max_attempts,
        "token": 0,
        "owner": "",
        "cancel_requested": False,
        "revision": 1,
        "requested_by": plain(new.requested_by),
        "idempotency_key": None if new.idempotency_key is None else plain(new.idempotency_key),
        "request_hash": new.request_hash,
        "callback_url": None if new.callback_url is None else plain(new.callback_url),
        "created_at": now,
        "started_at": None,
        "finished_at": None,
        "done": None,
        "total": None,
        "message": "",
        "last_event": 1,
        "keep_seconds": new.keep_seconds,
        **NO_OUTCOME,
        "arguments": packed(new.arguments),
        "call": new.call,
    }


def columns_of_outcome(outcome: Outcome) -> dict[str, Any]:
    """The columns that say how an attempt ended."""
    return {
        "status": outcome.status,
        "reason": plain(outcome.reason),
        "headers": packed_headers(outcome.headers),
        "result": outcome.result,
        "result_file": plain(outcome.result_file),
        "result_type": plain(outcome.result_type),
        "result_name": plain(outcome.result_name),
        "error": plain(outcome.error),
        "ended_by": plain(outcome.ended_by),
    }


def job_of(row: RowMapping | Mapping[str, Any]) -> Job:
    """The job of a row; what the row lacks (`SUMMARY`) is empty."""
    fields = dict(row)
    state = fields["state"] = State(fields["state"])
    fields["arguments"] = unpacked(fields["arguments"])
    fields.setdefault("call", b"")
    fields.setdefault("result", b"")
    fields["headers"] = unpacked_headers(fields.get("headers", b""))
    status = fields.pop("status")
    ended = {name: fields.pop(name) for name in OUTCOME}
    outcome = None if status is None else Outcome(state=state, status=status, **ended)
    return Job(**fields, outcome=outcome)


def events_of(job_id: str, row: Any) -> list[Event]:
    """The events of a row: one, or the lines that stand in it together."""
    data = unpacked(row.data)
    if not isinstance(data, list):
        return [_event(job_id, row, row.sequence, data)]
    lines = cast("list[str]", data)
    first = row.sequence - len(lines) + 1
    return [_event(job_id, row, first + place, {"line": line}) for place, line in enumerate(lines)]


def _event(job_id: str, row: Any, sequence: int, data: dict[str, Any]) -> Event:
    return Event(job_id=job_id, sequence=sequence, attempt=row.attempt, type=row.type, at=row.at, data=data)


def row_of_event(job: int, sequence: int, attempt: int, event: NewEvent, now: float) -> dict[str, Any]:
    """The row of an event."""
    return {
        "job": job,
        "sequence": sequence,
        "attempt": attempt,
        "type": event.type,
        "at": now if event.at is None else event.at,
        "data": packed(event.data),
    }


def rows_of_events(
    job: int, first: int, attempt: int, new: Sequence[NewEvent], now: float
) -> list[dict[str, Any]]:
    """The rows of events that are numbered from `first`.

    Lines that follow each other stand in one row, as a list, under the number of the last one: whoever reads
    rows above a number then finds the row that holds the next line, wherever in it that is.
    """
    rows: list[dict[str, Any]] = []
    place = 0
    while place < len(new):
        lines = _lines_together(new, place)
        place += max(len(lines), 1)
        row = row_of_event(job, first + place - 1, attempt, new[place - 1], now)
        if len(lines) > 1:
            row["data"] = _packed_lines(lines)
        rows.append(row)
    return rows


def _lines_together(new: Sequence[NewEvent], place: int) -> list[str]:
    """The lines from `place` on that fit into one row; none if there is something else."""
    lines: list[str] = []
    size = 0
    while place < len(new) and len(lines) < ROW_LINES:
        event = new[place]
        line = event.data.get("line")
        if event.type != "log" or event.at is not None or not isinstance(line, str) or len(event.data) > 1:
            break
        size += len(line)
        if lines and size > ROW_CHARACTERS:
            break
        lines.append(line)
        place += 1
    return lines


def _packed_lines(lines: list[str]) -> bytes:
    try:
        return _encoder.encode(lines)
    except UnicodeEncodeError:
        return _encoder.encode([line.encode("utf-8", "replace").decode() for line in lines])
