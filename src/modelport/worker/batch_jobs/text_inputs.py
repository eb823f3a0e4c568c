"""Rows that come as text: lines of CSV or of JSON. A line that is broken breaks its row alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from modelport.contract.arrays.csv_tables import header_names, other_width
from modelport.contract.arrays.sent_table import Table
from modelport.contract.errors import BadRequest
from modelport.dialects.codecs.json_body import BYTE_ORDER_MARK, parse_json
from modelport.guards.errors import TableInvalid
from modelport.worker.batch_jobs.chunks import CHUNK_BYTES, MAX_LINE, Chunk, Fault, Line

NO_ROW: tuple[list[str], Fault | None] = ([], None)


class TextInput:
    """What CSV and lines of JSON share: a file that is read from its begin to its end."""

    def __init__(self, path: Path):
        self._file = path.open("rb")
        self._size = path.stat().st_size or 1

    def close(self) -> None:
        self._file.close()

    @property
    def total(self) -> None:
        return None

    def check(self) -> None:
        """Everything is looked at on its way."""

    def share(self) -> float:
        return min(self._file.tell() / self._size, 1.0)


class CsvInput(TextInput):
    """The rows of a CSV. Raises `TableInvalid` for a first line that names no columns."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._text = io.TextIOWrapper(self._file, "utf-8-sig", errors="surrogateescape", newline="")
        self._taken = 0  # characters
        self._wrong = ""  # with the lines since it was looked at
        self._reader = csv.reader(self._lines(), strict=True)
        self._rows = self._records()
        try:
            self.columns = header_names(next(self._rows, NO_ROW)[0])
            if self._wrong:
                raise TableInvalid(f"The first line of the CSV {self._wrong}")
        except TableInvalid:
            self.close()
            raise
        self.index = self.columns[:1] if self.columns[0] == "" else []

    def close(self) -> None:
        self._text.close()

    def chunks(self, skip: int, rows: int) -> Iterator[Chunk]:
        for _ in range(skip):
            next(self._rows, None)
        while True:
            good: list[list[str]] = []
            broken: dict[int, Fault] = {}
            count, begin = 0, self._taken
            while count < rows and self._taken - begin < CHUNK_BYTES:
                line, fault = next(self._rows, NO_ROW)
                if not line:
                    break
                if fault is None and len(line) != len(self.columns):
                    fault = Fault(422, f"the row {other_width(line, self.columns)}")
                if fault is None:
                    good.append(line)
                else:
                    broken[count] = fault
                count += 1
            if not count:
                return
            by_column = zip(*good, strict=True) if good else [()] * len(self.columns)
            columns = [list(values) for values in by_column]
            yield Chunk(count, broken, Table(self.columns, list(columns), is_text=True, index=self.index))

    def _records(self) -> Iterator[tuple[list[str], Fault | None]]:
        """The values of each row, and what is wrong with its text. Empty lines are none.

        Raises `TableInvalid` where the quotes do not tell where a row ends.
        """
        try:
            for line in self._reader:
                wrong, self._wrong = self._wrong, ""
                if line:
                    yield line, Fault(422, f"the row {wrong}") if wrong else None
        except csv.Error as error:
            number = self._reader.line_num
            raise TableInvalid(f"The CSV cannot be read (line {number}): {error}") from None

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(MAX_LINE):
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                raise TableInvalid(f"A line of the CSV has more than {MAX_LINE} characters")
            self._taken += len(line)
            if "\0" in line:
                self._wrong = "holds a NUL character"
            elif not line.isascii() and not _is_utf8(line):
                self._wrong = "is not UTF-8 text"
            yield line


def _is_utf8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # bytes that are none, which stand there as surrogates
        return False
    return True


class LinesInput(TextInput):
    """Lines of JSON, each a row. Empty lines are none."""

    columns = None

    def __init__(self, path: Path, json_depth: int):
        super().__init__(path)
        self._depth = json_depth
        self.index: list[str] = []

    def chunks(self, skip: int, rows: int) -> Iterator[Chunk]:
        if self._file.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
            self._file.seek(0)
        raws = self._lines()
        for _ in range(skip):
            next(raws, None)
        while True:
            good: list[Line] = []
            broken: dict[int, Fault] = {}
            count = taken = 0
            while count < rows and taken < CHUNK_BYTES and (raw := next(raws, b"")):
                found = self._read(raw)
                if isinstance(found, Fault):
                    broken[count] = found
                else:
                    good.append(found)
                count += 1
                taken += len(raw)
            if not count:
                return
            yield Chunk(count, broken, lines=good)

    def _lines(self) -> Iterator[bytes]:
        while raw := self._file.readline(MAX_LINE + 1):
            rest = raw
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):  # the rest of one that is too long
                rest = self._file.readline(MAX_LINE + 1)
            if raw := raw.strip():
                yield raw

    def _read(self, raw: bytes) -> Line | Fault:
        if len(raw) > MAX_LINE:
            return Fault(413, f"the line is longer than {MAX_LINE} bytes")
        try:
            return Line(raw, parse_json(raw, self._depth))
        except BadRequest as error:
            detail = error.detail.replace("the JSON body", "the line").replace("the body", "the line")
            return Fault(error.status, detail)
