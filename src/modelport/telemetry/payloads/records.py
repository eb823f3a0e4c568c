"""One prediction in the payload log: a line of JSON, or a row of Parquet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from modelport.telemetry.payloads.meaning import answer_of, input_of
from modelport.telemetry.payloads.messages import Sample


class Record(msgspec.Struct):
    """A prediction. `version` 0 is the model as its source has it; `principal` is empty where nobody is
    asked.

    `input` and `answer` have `type` (the media type), `bytes`, and `value`, or `left_out` with the reason; an
    input may have `query` and `files` beside.
    """

    at: datetime
    request_id: str
    model: str
    version: int | None
    verb: str
    dialect: str
    principal: str
    status: int
    seconds: float
    input: dict[str, Any]
    answer: dict[str, Any]


def record_of(sample: Sample) -> Record:
    """What is kept of a prediction."""
    return Record(
        at=datetime.fromtimestamp(sample.at, UTC),
        request_id=sample.request_id,
        model=sample.model,
        version=sample.version,
        verb=sample.verb,
        dialect=sample.dialect,
        principal=sample.by,
        status=sample.status,
        seconds=round(sample.seconds, 6),
        input=input_of(sample),
        answer=answer_of(sample),
    )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def line_of(record: Record) -> bytes:
    """The line of a record."""
    return _encode(record) + b"\n"


def record_in(line: bytes) -> Record:
    """The record of a line. Raises `msgspec.DecodeError` for what is none, such as half a line."""
    return _decode(line)
