"""CSV: read line by line within bounds, and its text as numbers, booleans and what is missing."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from modelport.contract.arrays.sent_table import Table, check_names
from modelport.guards.errors import TableInvalid
from modelport.guards.table_limits import check_size, table_limits

LINES = 4096  # of a CSV that are held as lines at once
MOST_KNOWN = 1 << 16  # texts of a CSV that are held once, however often they come


def read_csv(content: bytes) -> Table:
    """The table in `content`, of text alone. Raises `TableInvalid`."""
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
    names = header_names(next(lines, ()))
    columns: list[list[str]] = [[] for _ in names]
    known: dict[str, str] = {}
    rows = 0
    while some := list(islice(lines, LINES)):
        for row, line in enumerate(some, rows):
            if len(line) != len(names):
                raise TableInvalid(f"Row {row} of the CSV {other_width(line, names)}")
        rows += len(some)
        check_size(rows, len(names))
        for column, cells in zip(columns, zip(*some, strict=True), strict=True):
            column += [known.setdefault(cell, cell) for cell in cells] if len(known) < MOST_KNOWN else cells
    return Table(names, list(columns), is_text=True)


def header_names(line: Sequence[str]) -> list[str]:
    """The names of the columns, which the first line has. Raises `TableInvalid`."""
    names = [name.strip() for name in line]
    if not names:
        raise TableInvalid("The CSV is empty; its first line names the columns")
    check_size(0, len(names))
    check_names(names)
    if all(_number(name) is not None for name in names):
        raise TableInvalid("The first line of the CSV is numbers; it should name the columns")
    return names


def other_width(line: Sequence[str], names: Sequence[str]) -> str:
    """Words about a line that has too few or too many values."""
    return f"has {len(line)} values, its header {len(names)}"


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
