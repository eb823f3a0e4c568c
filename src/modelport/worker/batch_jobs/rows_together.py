"""Rows of models that take many at once: a call for each chunk, and less where some of its rows fail."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.calls import Call
from modelport.contract.errors import AnswerInvalid, ArgumentErrors
from modelport.contract.rows_taken import RowsTaken
from modelport.dialects.codecs.requests import parse_pairs
from modelport.worker.answers import encode_json
from modelport.worker.batch_jobs.chunks import Chunk, Fault
from modelport.worker.batch_jobs.faults import MAX_DETAIL, Faults
from modelport.worker.batch_jobs.row_requests import Rows, request_of
from modelport.worker.cancellation import CallCancelled, Terminated
from modelport.worker.host import Host
from modelport.worker.streams import is_stream, pieces


class RowsTogether:
    """Predicts the rows of chunks together. `call` has what is the same for all of them."""

    def __init__(self, host: Host, call: Call, taken: RowsTaken, faults: Faults):
        self._host = host
        self._call = call
        self._taken = taken
        self._query = parse_pairs(call.query, "query string") if call.query else {}
        self._faults = faults

    def predict(self, chunk: Chunk) -> list[bytes | Fault]:
        """The predictions of the readable rows, as JSON, in order."""
        rows: Rows = chunk.table if chunk.table is not None else [line.value for line in chunk.lines]
        count = len(rows) if isinstance(rows, list) else chunk.rows - len(chunk.broken)
        results: list[bytes | Fault] = [Fault(500, "")] * count
        waiting = [list(range(count))] if count else []
        while waiting:
            part = waiting.pop()
            try:
                found = self._answers(_part(rows, part, count))
            except (Terminated, CallCancelled):
                raise
            except ArgumentErrors as error:
                blamed = _blamed(error, len(part))
                for place, fault in blamed.items():
                    results[part[place]] = fault
                if blamed:
                    waiting.append([row for place, row in enumerate(part) if place not in blamed])
                else:
                    waiting += self._divided(part, results, error)
            except BaseException as error:  # the border to the model's code: anything may come
                waiting += self._divided(part, results, error)
            else:
                for row, body in zip(part, _by_row(found, len(part)), strict=True):
                    results[row] = body
                self._faults.answered()
            waiting = [rest for rest in waiting if rest]
        return results

    def _divided(
        self, part: list[int], results: list[bytes | Fault], error: BaseException
    ) -> list[list[int]]:
        """The halves in which the row that is to blame is looked for; none once it is found."""
        if len(part) == 1:
            results[part[0]] = self._faults.of(self._call, error)
            return []
        middle = len(part) // 2
        return [part[middle:], part[:middle]]

    def _answers(self, rows: Rows) -> Any:
        """What the model answers to these rows, as data."""
        host = self._host
        places = request_of(rows, self._query, self._taken, host.model.signature.contract)
        arguments = host.model.bind("predict", places)
        value = host.returned(host.model.call("predict", arguments))
        if is_stream(value):
            value = list(pieces(value))
        if host.model.signature.contract == "array":
            value = host.model.check_answer(value)
        operation = host.model.signature.predict
        return msgspec.json.decode(host.encoder.json_bytes(value, operation, envelope=bytes))


def _part(rows: Rows, part: list[int], count: int) -> Rows:
    if len(part) == count:
        return rows
    if isinstance(rows, list):
        return [rows[row] for row in part]
    columns = [[values[row] for row in part] for values in rows.columns]
    return msgspec.structs.replace(rows, columns=columns)


def _blamed(error: ArgumentErrors, count: int) -> dict[int, Fault]:
    """The faults of the rows that an error names, by their places."""
    said: dict[int, list[str]] = {}
    for detail in error.details or ():
        where = detail["loc"][1:]
        if where and type(where[0]) is int and 0 <= where[0] < count:
            path = ".".join(map(str, where[1:]))
            said.setdefault(where[0], []).append(f"{path}: {detail['msg']}" if path else detail["msg"])
    return {place: Fault(422, "; ".join(words)[:MAX_DETAIL]) for place, words in said.items()}


def _by_row(found: Any, count: int) -> list[bytes]:
    """The answer taken apart. Raises `AnswerInvalid` for one that has not a prediction for each row."""
    if isinstance(found, dict):
        outputs = cast("dict[str, Any]", found)
        if outputs and all(_has_length(values, count) for values in outputs.values()):
            found = [
                dict(zip(outputs, values, strict=True)) for values in zip(*outputs.values(), strict=True)
            ]
    values = cast("list[Any]", found) if isinstance(found, list) else None
    if values is None or len(values) != count:
        had = "no list" if values is None else f"{len(values)} predictions"
        told = f"the model does not predict row by row: it answered {count} rows with {had}"
        raise AnswerInvalid(told, told)
    return [encode_json(value, allow_nan=False) for value in values]


def _has_length(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(cast("list[Any]", values)) == count
