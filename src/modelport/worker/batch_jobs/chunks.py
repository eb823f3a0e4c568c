"""Rows on their way to a model: a chunk of them, which never holds more than fits into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from modelport.contract.arrays.sent_table import Table

MAX_LINE = 16 << 20  # characters of a line, or bytes
CHUNK_BYTES = 4 << 20  # of text, after which a chunk has enough rows, whatever their number is


class Fault(NamedTuple):
    """Why a row has no prediction: what a request with this row would be answered."""

    status: int
    detail: str


class Line(NamedTuple):
    """A line of JSON, and what it says."""

    raw: bytes
    value: Any


class Chunk(NamedTuple):
    """So many `rows` in a row. Those that can be read are those of the table, or the lines, in order.

    `broken` has the others, by their places in the chunk.
    """

    rows: int
    broken: dict[int, Fault]
    table: Table | None = None
    lines: Sequence[Line] = ()

    def readable(self) -> list[int]:
        """The places of the rows that can be read."""
        return [place for place in range(self.rows) if place not in self.broken]


class BatchInput(Protocol):
    """The rows of a body. Whoever opens it closes it."""

    index: list[str]  # the columns that pandas wrote as the index of a DataFrame

    def close(self) -> None:
        """Let go of the file."""
        ...

    @property
    def columns(self) -> list[str] | None:
        """The names of the columns; `None` where each row has its own."""
        ...

    def check(self) -> None:
        """Look at what is not looked at chunk by chunk. Raises `TableInvalid`."""
        ...

    @property
    def total(self) -> int | None:
        """How many rows there are; `None` where only the last one tells. It may take a look at all of it."""
        ...

    def chunks(self, skip: int, rows: int) -> Iterator[Chunk]:
        """Chunks of `rows` rows after the first `skip`. Raises `TableInvalid` where no rows can be told."""
        ...

    def share(self) -> float:
        """How much of it has been read, from 0 to 1."""
        ...
