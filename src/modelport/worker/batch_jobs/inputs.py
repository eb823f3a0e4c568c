"""From the body of a batch job to its rows, by its form."""

from __future__ import annotations

from pathlib import Path

from modelport.contract.table_forms import TableForm
from modelport.guards.errors import TableInvalid
from modelport.worker.batch_jobs.chunks import BatchInput
from modelport.worker.batch_jobs.text_inputs import CsvInput, LinesInput

CELLS_AT_ONCE = 1_000_000  # of a chunk of a wide table


def open_input(path: Path, form: TableForm, json_depth: int) -> BatchInput:
    """The rows in a file. Raises `TableInvalid`, `BadRequest` (415) where an extra is missing, `OSError`."""
    if not path.stat().st_size:
        raise TableInvalid("The body is empty; send rows")
    if form is TableForm.JSON_LINES:
        return LinesInput(path, json_depth)
    if form is TableForm.CSV:
        return CsvInput(path)
    from modelport.worker.batch_jobs.column_inputs import ArrowInput, ParquetInput  # they need numpy

    return ParquetInput(path) if form is TableForm.PARQUET else ArrowInput(path)


def fitting_rows(rows: int, columns: list[str] | None) -> int:
    """The rows of a chunk: so many, or fewer where there are many columns."""
    return max(min(rows, CELLS_AT_ONCE // max(len(columns or ()), 1)), 1)
