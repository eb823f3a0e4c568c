"""Tables as they are sent: CSV, Parquet or Arrow, read column by column within bounds.

pyarrow is an extra, and is imported when the first Parquet or Arrow table comes.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from modelport.contract.errors import BadRequest

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
MEDIA_TYPES = {
    CSV: CSV,
    "application/csv": CSV,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    STREAM: STREAM,
    FILE: FILE,
}
MAX_ROWS = 1_000_000
MAX_CELLS = 10_000_000
MAX_COLUMNS = 100_000


class Table(msgspec.Struct, frozen=True):
    """A table: the names of its columns, and their values. Those of CSV are text."""

    names: list[str]
    columns: list[Sequence[Any]]
    is_text: bool = False

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0


class TableInvalid(Exception):
    """A table that cannot be read; `str()` says why, for the client."""


@lru_cache(maxsize=256)
def kind_of(media_type: str) -> str:
    """The kind of a table by its media type; empty for any other. Raises `BadRequest` for its charset."""
    media, _, rest = media_type.partition(";")
    kind = MEDIA_TYPES.get(media.strip().lower(), "")
    if kind == CSV and "charset=" in rest.lower():
        charset = rest.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise BadRequest(f"CSV is read as UTF-8; charset={charset[:50]} is not supported", 415)
    return kind


def kind_of_content(content: bytes) -> str:
    """The kind of a table by its first bytes; what has no mark is taken for CSV."""
    if content.startswith(b"PAR1"):
        return PARQUET
    if content.startswith(b"ARROW1"):
        return FILE
    return STREAM if content.startswith(b"\xff\xff\xff\xff") else CSV


def read_table(content: bytes, kind: str) -> Table:
    """The table in `content`. Raises `TableInvalid`, and `BadRequest` where an extra is not installed."""
    if kind == CSV:
        return _csv(content)
    from modelport.contract.arrays import arrow_tables

    if kind == PARQUET:
        return arrow_tables.read_parquet(content)
    return arrow_tables.read_arrow(content, is_file=kind == FILE)


def check_size(rows: int, columns: int) -> None:
    """Refuse a table that is too large. Raises `TableInvalid`."""
    if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
        raise TableInvalid(
            f"The table has {rows} rows of {columns} columns; "
            f"at most {MAX_ROWS} rows and {MAX_CELLS} cells are taken"
        )


def check_names(names: list[str]) -> None:
    """Refuse a table that has no columns, or a name twice. Raises `TableInvalid`."""
    if not names:
        raise TableInvalid("The table has no columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableInvalid(f"The table has the column {twice[:100]!r} twice")


def _csv(content: bytes) -> Table:
    if content.count(b",") + content.count(b"\n") > MAX_CELLS:
        raise TableInvalid(f"The table has more than {MAX_CELLS} cells")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableInvalid("The CSV is not UTF-8 text") from None
    if "\0" in text:
        raise TableInvalid("The CSV holds a NUL character")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        # One line over the limit is enough to refuse it: no more are held.
        lines = list(islice((line for line in reader if line), MAX_ROWS + 2))
    except csv.Error as error:
        raise TableInvalid(f"The CSV cannot be read (line {reader.line_num}): {error}") from None
    if not lines:
        raise TableInvalid("The CSV is empty; its first line names the columns")
    names = [name.strip() for name in lines[0]]
    del lines[0]
    check_names(names)
    if all(_number(name) is not None for name in names):
        raise TableInvalid("The first line of the CSV is numbers; it should name the columns")
    check_size(len(lines), len(names))
    if set(map(len, lines)) - {len(names)}:
        row, line = next((i, line) for i, line in enumerate(lines) if len(line) != len(names))
        raise TableInvalid(f"Row {row} of the CSV has {len(line)} values, its header {len(names)}")
    columns: list[Sequence[Any]] = list(zip(*lines, strict=True)) if lines else [() for _ in names]
    return Table(names, columns, is_text=True)


def parsed(values: Sequence[Any], kind: str) -> Sequence[Any]:
    """Text of a CSV column as its type; what cannot be read as it stays text, and nothing is null."""
    if kind in ("str", "object"):
        return values
    values = [text if isinstance(text, str) else str(text) for text in values]
    if kind == "any":
        numbers = [_number(text) for text in values]
        known = all(number is not None or text == "" for number, text in zip(numbers, values, strict=True))
        return numbers if known and any(number is not None for number in numbers) else values
    if kind == "bool":
        return [BOOLEANS.get(text.lower(), text or None) for text in values]
    return [_number(text) if text == "" else _text_or_number(text) for text in values]


BOOLEANS: dict[str, Any] = {"true": True, "false": False}


def _text_or_number(text: str) -> Any:
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    """The number that a text is; Python's own extras (`1_000`, `inf`, other digits) are none."""
    if not text.isascii() or "_" in text:
        return None
    try:
        return int(text) if len(text) < 20 and text.strip("+- ").isdigit() else _finite(float(text))
    except ValueError:
        return None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
