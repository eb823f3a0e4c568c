"""Rows of models whose calls are about one thing: each row is a call, and its columns are the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from modelport.contract.calls import Call
from modelport.contract.signature import JSON
from modelport.sources.model_loop import awaited, event_loop, is_awaitable
from modelport.worker.answers import encode_json
from modelport.worker.batch_jobs.chunks import Chunk, Fault, Line
from modelport.worker.batch_jobs.faults import Faults
from modelport.worker.cancellation import CallCancelled, Terminated
from modelport.worker.host import Host
from modelport.worker.runners.batch import batch_results
from modelport.worker.streams import is_stream, pieces


class RowByRow:
    """Predicts each row by a call, those that a model takes together or side by side so.

    `call` has what is the same for all rows.
    """

    def __init__(self, host: Host, call: Call, faults: Faults):
        self._host = host
        self._call = msgspec.structs.replace(call, body_path="", content_type="", accept="", batch=None)
        self._operation = host.model.signature.predict
        self._required = {argument.name for argument in self._operation.arguments if argument.required}
        self._faults = faults

    def predict(self, chunk: Chunk) -> list[bytes | Fault]:
        """The predictions of the readable rows, as JSON, in order."""
        calls = self._calls(chunk)
        width = max(self._operation.max_batch_size, self._operation.max_concurrency)
        results: list[bytes | Fault] = []
        for begin in range(0, len(calls), width):
            results += self._answered(calls[begin : begin + width])
        return results

    def _calls(self, chunk: Chunk) -> list[Call]:
        if chunk.table is None:
            return [self._of_line(line) for line in chunk.lines]
        names, is_text = chunk.table.names, chunk.table.is_text
        of_row = self._of_text if is_text else self._of_values
        return [of_row(names, values) for values in zip(*chunk.table.columns, strict=True)]

    def _of_line(self, line: Line) -> Call:
        return msgspec.structs.replace(self._call, content_type=JSON, body=line.raw)

    def _of_text(self, names: list[str], values: Sequence[str]) -> Call:
        """A row of text is a query, where each argument reads its value. Empty ones are none."""
        given = [
            (name, text) for name, text in zip(names, values, strict=True) if text or name in self._required
        ]
        own = urlencode(given).encode()
        query = b"&".join(part for part in (self._call.query, own) if part)
        return msgspec.structs.replace(self._call, query=query)

    def _of_values(self, names: list[str], values: Sequence[Any]) -> Call:
        given = {
            name: value
            for name, value in zip(names, values, strict=True)
            if value is not None or name in self._required
        }
        body = encode_json(given, allow_nan=False)
        return msgspec.structs.replace(self._call, content_type=JSON, body=body)

    def _answered(self, calls: list[Call]) -> list[bytes | Fault]:
        results: list[Any] = [None] * len(calls)
        arguments: dict[int, dict[str, Any]] = {}
        for place, call in enumerate(calls):
            try:
                arguments[place] = self._host.binding.bound(call)[0][1]
            except (Terminated, CallCancelled):
                raise
            except BaseException as error:  # code of the model's reads arguments, too
                results[place] = self._faults.of(call, error)
        values = self._values(list(arguments.values()))
        for place, value in zip(arguments, values, strict=True):
            results[place] = self._encoded(calls[place], value)
        return results

    def _values(self, arguments: list[dict[str, Any]]) -> list[Any]:
        """What the model returns for each, or the exception that it raises."""
        if self._operation.max_batch_size > 1 and len(arguments) > 1:
            try:
                return batch_results(self._host, arguments)
            except (Terminated, CallCancelled):
                raise
            except BaseException:  # each gets a second try of its own
                return [self._tried(one) for one in arguments]
        values = [self._tried(one) for one in arguments]
        waited = [place for place, value in enumerate(values) if is_awaitable(value)]
        if waited:
            for place, value in zip(waited, self._gathered([values[p] for p in waited]), strict=True):
                values[place] = value
        return values

    def _tried(self, arguments: dict[str, Any]) -> Any:
        try:
            return self._host.model.call("predict", arguments)
        except (Terminated, CallCancelled):
            raise
        except BaseException as error:  # the border to the model's code: anything may come
            return error

    def _gathered(self, values: list[Any]) -> list[Any]:
        """What these come to, side by side."""
        import asyncio  # which most models do without

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*map(awaited, values), return_exceptions=True)

        return event_loop().run_until_complete(all_of_them())

    def _encoded(self, call: Call, value: Any) -> bytes | Fault:
        try:
            if isinstance(value, BaseException):
                raise value
            value = self._host.returned(value)
            if is_stream(value):
                value = list(pieces(value))
            body = self._host.encoder.json_bytes(value, self._operation, envelope=bytes)
        except (Terminated, CallCancelled):
            raise
        except BaseException as error:  # as above
            return self._faults.of(call, error)
        self._faults.answered()
        return body
