"""From the answers of all rows to one file: as they are, or as a table.

A table has a column `prediction`, or, where every prediction is an object, a column `prediction.NAME` for
each of its names; and a column `error`, unless the first row that fails ends the job.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from modelport.contract.calls import Batch
from modelport.contract.table_forms import TableForm
from modelport.worker.batch_jobs.checking import ERROR, PREDICTION
from modelport.worker.batch_jobs.column_types import NOTHING, ColumnType, arrow_type, fitted, type_of, wider
from modelport.worker.batch_jobs.parts import Part

ROWS_AT_ONCE = 4096
MAX_COLUMNS = 1000  # of predictions that are objects; with more names they stay objects
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Row = dict[str, Any]


def join(parts: list[Part], batch: Batch, target: Path) -> None:
    """Write the answers in the form that is asked for. Raises `OSError`."""
    if batch.answer is TableForm.JSON_LINES:
        with target.open("wb") as file:
            for part in parts:
                with part.path.open("rb") as content:
                    shutil.copyfileobj(content, file, 1 << 20)
        return
    layout = _Layout(batch)
    for row in _rows(parts):
        layout.see(row)
    if batch.answer is TableForm.CSV:
        _write_csv(parts, layout, target)
    else:
        _write_columns(parts, layout, target, batch.answer)


def _rows(parts: list[Part]) -> Iterator[Row]:
    for part in parts:
        with part.path.open("rb") as file:
            for line in file:
                yield _decode(line)


class _Layout:
    """Which columns the table has, and of which types, found by looking at each row."""

    def __init__(self, batch: Batch):
        self._kept = dict.fromkeys(batch.keep, NOTHING)
        self._whole = NOTHING
        self._names: dict[str, ColumnType] | None = {}  # `None` once a prediction is no object
        self._has_errors = batch.on_error == "keep"

    def see(self, row: Row) -> None:
        for name in self._kept:
            self._kept[name] = wider(self._kept[name], type_of(row.get(name)))
        if PREDICTION not in row:
            return
        value = row[PREDICTION]
        self._whole = wider(self._whole, type_of(value))
        if self._names is None or value is None:
            return
        if not isinstance(value, dict):
            self._names = None
            return
        for name, cell in cast("Row", value).items():
            self._names[name] = wider(self._names.get(name, NOTHING), type_of(cell))
        if len(self._names) > MAX_COLUMNS:
            self._names = None

    @property
    def columns(self) -> dict[str, ColumnType]:
        """The names of the columns, each with its type."""
        named = {f"{PREDICTION}.{name}": found for name, found in (self._names or {}).items()}
        error: dict[str, ColumnType] = {ERROR: "text"} if self._has_errors else {}
        return self._kept | (named or {PREDICTION: self._whole}) | error

    def cells(self, row: Row) -> list[Any]:
        """A row in this order."""
        cells = [row.get(name) for name in self._kept]
        value: Any = row.get(PREDICTION)
        named: Row = value if self._names and value else {}
        cells += [named.get(name) for name in self._names] if self._names else [value]
        if self._has_errors:
            cells.append(row[ERROR]["detail"] if ERROR in row else None)
        return cells


def _write_csv(parts: list[Part], layout: _Layout, target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(layout.columns)
        for row in _rows(parts):
            writer.writerow(list(map(_text, layout.cells(row))))


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return _encode(value).decode()


def _write_columns(parts: list[Part], layout: _Layout, target: Path, form: TableForm) -> None:
    from modelport.contract.arrays.arrow_tables import pyarrow_module  # it needs numpy

    pyarrow = pyarrow_module()
    columns = layout.columns
    schema = pyarrow.schema([(name, arrow_type(pyarrow, found)) for name, found in columns.items()])
    if form is TableForm.PARQUET:
        opened = pyarrow_module(".parquet").ParquetWriter(target, schema)
    else:
        opened = pyarrow_module(".ipc").new_file(str(target), schema)
    with opened as writer:
        waiting: list[list[Any]] = []

        def write() -> None:
            arrays = [
                pyarrow.array([fitted(cells[n], found) for cells in waiting], schema.types[n])
                for n, found in enumerate(columns.values())
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
            waiting.clear()

        for row in _rows(parts):
            waiting.append(layout.cells(row))
            if len(waiting) == ROWS_AT_ONCE:
                write()
        if waiting:
            write()
