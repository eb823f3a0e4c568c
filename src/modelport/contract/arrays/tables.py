"""Tables as they are sent: CSV, Parquet or Arrow, read column by column within bounds.

pyarrow is an extra, and is imported when the first Parquet or Arrow table comes.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from modelport.contract.arrays.table_limits import table_limits
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
LINES = 4096  # of a CSV that are held as lines at once
MADE_UP = re.compile(r"__index_level_\d+__")  # the name that pandas gives to an index without one
MOST_KNOWN = 1 << 16  # texts of a CSV that are held once, however often they come


class Table(msgspec.Struct, frozen=True):
    """A table: the names of its columns, and their values. Those of CSV are text."""

    names: list[str]
    columns: list[Sequence[Any]]
    is_text: bool = False

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0


class Wanted(msgspec.Struct, frozen=True):
    """What a reader wants of a table: columns that it knows by name, and ones that it has no use for.

    Of one that knows no index, those that pandas wrote as the index of a DataFrame are left out.
    """

    known: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    no_index: bool = False

    def kept(self, names: list[str], index: list[str]) -> list[str]:
        """The names of the columns to read, of a table with these columns and this index."""
        index = [name for name in index if self.no_index or MADE_UP.fullmatch(name)]
        left = self.unused.union(index).difference(self.known)
        return [name for name in names if name not in left]


ALL = Wanted()


class TableInvalid(ValueError):
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


def read_table(content: bytes, kind: str, wanted: Wanted = ALL) -> Table:
    """The table in `content`. Raises `TableInvalid`, and `BadRequest` where an extra is not installed."""
    if kind == CSV:
        table = _csv(content)
        kept = wanted.kept(table.names, table.names[:1] if table.names[0] == "" else [])
        columns = dict(zip(table.names, table.columns, strict=True))
        return Table(kept, [columns[name] for name in kept], is_text=True)
    from modelport.contract.arrays import arrow_tables

    if kind == PARQUET:
        return arrow_tables.read_parquet(content, wanted)
    return arrow_tables.read_arrow(content, kind == FILE, wanted)


def read_upload(upload: Any, wanted: Wanted = ALL) -> Table:
    """The table in an upload, by its media type, else by its content.

    Raises `TableInvalid`, and `BadRequest` (415, 413) for one that is too large, or needs an extra.
    """
    path = Path(upload.filename)
    check_bytes(path.stat().st_size)
    content = path.read_bytes()
    kind = kind_of(upload.content_type or "") or kind_of_content(content)
    return read_table(content, kind, wanted)


def check_bytes(size: int) -> None:
    """Refuse a table of too many bytes. Raises `BadRequest` (413)."""
    limits = table_limits()
    if size > limits.most_bytes:
        raise BadRequest(f"the table is over {limits.size_words()}", 413)


def check_size(rows: int, columns: int) -> None:
    """Refuse a table that is too large. Raises `TableInvalid`."""
    limits = table_limits()
    if not limits.hold(rows, columns):
        raise TableInvalid(f"The table has {rows} rows of {columns} columns; {limits.words()}")


def check_names(names: list[str]) -> None:
    """Refuse a table that has no columns, or a name twice. Raises `TableInvalid`."""
    if not names:
        raise TableInvalid("The table has no columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableInvalid(f"The table has the column {twice[:100]!r} twice")


def _csv(content: bytes) -> Table:
    limits = table_limits()
    most = limits.cells + (limits.columns or limits.cells)  # the first line has none of the cells
    if limits.cells and content.count(b",") + content.count(b"\n") > most:
        raise TableInvalid(f"The table has more than {limits.cells} cells")
    if b"\0" in content:
        raise TableInvalid("The CSV holds a NUL character")
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    lines = (line for line in reader if line)
    try:
        return _of_lines(lines)
    except UnicodeDecodeError:
        raise TableInvalid("The CSV is not UTF-8 text") from None
    except csv.Error as error:
        raise TableInvalid(f"The CSV cannot be read (line {reader.line_num}): {error}") from None


def _of_lines(lines: Iterator[list[str]]) -> Table:
    """The columns of these lines, of which no more than a few are held at once."""
    names = [name.strip() for name in next(lines, ())]
    if not names:
        raise TableInvalid("The CSV is empty; its first line names the columns")
    check_size(0, len(names))
    check_names(names)
    if all(_number(name) is not None for name in names):
        raise TableInvalid("The first line of the CSV is numbers; it should name the columns")
    columns: list[list[str]] = [[] for _ in names]
    known: dict[str, str] = {}
    rows = 0
    while some := list(islice(lines, LINES)):
        for row, line in enumerate(some, rows):
            if len(line) != len(names):
                raise TableInvalid(f"Row {row} of the CSV has {len(line)} values, its header {len(names)}")
        rows += len(some)
        check_size(rows, len(names))
        for column, cells in zip(columns, zip(*some, strict=True), strict=True):
            column += [known.setdefault(cell, cell) for cell in cells] if len(known) < MOST_KNOWN else cells
    return Table(names, list(columns), is_text=True)


def parsed(values: Sequence[Any], kind: str, missing: bool = False) -> Sequence[Any]:
    """Text of a CSV column as its type; what cannot be read as it stays text.

    An empty cell is null, in a column of text only where that takes `missing` values. Where the type is
    not known, a column whose every text is a number, or a boolean, is one of these.
    """
    if kind == "object":
        return values
    values = [text if isinstance(text, str) else str(text) for text in values]
    if kind in ("str", "date"):
        return [text or None for text in values] if missing or kind == "date" else values
    if kind == "any":
        return _known(values) or parsed(values, "str", missing)
    if kind == "float" and _are_plain(values):
        return list(map(float, values))
    return _each(values, READERS[kind])


def typed(values: Sequence[str]) -> Sequence[Any]:
    """Text of a CSV column of which nothing is known, in the types that a reader of it expects.

    Numbers are numbers, a column of booleans has these, and nothing between them is null. Codes such as
    `01234` are no numbers, and make all of their column text.
    """
    if any(text[:1] == "0" and text[1:2].isdigit() for text in values):
        return values
    return _known(values) or _each(values, _number_or_text)


def _known(values: Sequence[str]) -> Sequence[Any] | None:
    """The column where every text is a number, or a boolean, or nothing; `None` for any other."""
    for text in values:
        if text not in NOTHING and text not in BOOLEANS and _number(text) is None:
            return None
    found = _each(values, _number_or_boolean)
    return found if len({type(one) is bool for one in found if one is not None}) <= 1 else None


def _are_plain(values: Sequence[str]) -> bool:
    """Whether Python's own `float` reads each of these as a CSV means it."""
    try:
        finite = all(map(math.isfinite, map(float, values)))
        return finite and all(text.isascii() and "_" not in text for text in values)
    except ValueError:
        return False


def _each(values: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    """What `read` makes of each; of a text that comes often only once."""
    different = set(values)
    if 2 * len(different) > len(values):
        return list(map(read, values))
    known = {text: read(text) for text in different}
    return list(map(known.__getitem__, values))


NOTHING = frozenset({"", "nan", "NaN"})  # an empty cell, and as numpy and R write one
BOOLEANS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _number_or_boolean(text: str) -> Any:
    """A number or a boolean, which is one too where numbers are wanted; any other text as it is."""
    if text in NOTHING:
        return None
    number = _number(text)
    return BOOLEANS.get(text, text) if number is None else number


def _number_or_text(text: str) -> Any:
    number = _number(text)
    return text if number is None else number


def _boolean(text: str) -> Any:
    return None if text in NOTHING else BOOLEANS.get(text.title(), text)


READERS: dict[str, Callable[[str], Any]] = {
    "float": _number_or_boolean,
    "int": _number_or_boolean,
    "bool": _boolean,
    "list": _number_or_text,
}


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
