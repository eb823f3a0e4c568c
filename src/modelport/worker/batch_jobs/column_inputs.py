"""Rows that come as columns: Parquet and Arrow, read row group by row group and batch by batch.

What one of these unpacks to is looked at before it is, as the guards do with tables in memory.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from modelport.contract.arrays.arrow_tables import (
    UNREADABLE,
    brief,
    index_names,
    is_flat,
    is_text,
    pyarrow_module,
    table_of,
)
from modelport.contract.arrays.sent_table import Table, check_names
from modelport.guards.arrow import FILE_MARK, check_batches
from modelport.guards.errors import TableInvalid
from modelport.guards.parquet import check_group, row_groups
from modelport.guards.table_limits import check_size, table_limits
from modelport.worker.batch_jobs.chunks import Chunk

READ_BYTES = 1 << 20  # of a Parquet file at once, for each column
ROWS_A_BYTE = 64  # more rows than this for each byte of a file is no table, but a bomb


class ColumnInput:
    """What Parquet and Arrow share. Raises `TableInvalid` for columns that cannot be read."""

    words = ""

    def __init__(self, path: Path):
        self._pyarrow = pyarrow_module()
        self._path = path
        with path.open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._given = 0  # rows
        with self._reading():
            self._schema = self._open()
        self.columns: list[str] = list(map(str, self._schema.names))
        check_size(0, len(self.columns))
        check_names(self.columns)
        kinds = self._pyarrow.types
        for name, said in zip(self.columns, self._schema.types, strict=True):
            is_list = kinds.is_list(said) or kinds.is_large_list(said)
            if not is_flat(self._pyarrow, said.value_type if is_list else said):
                raise TableInvalid(
                    f"The column {name[:100]!r} has the type {str(said)[:100]}; "
                    "send numbers, booleans, text, dates, or lists of these"
                )
        self.index = index_names(self._schema.metadata or {})

    def close(self) -> None:
        """What reads the file is let go of with this object, which nothing else holds."""

    def _open(self) -> Any:
        """The schema."""
        raise NotImplementedError

    def _batches(self, skip: int, rows: int) -> Iterator[Any]:
        """Batches of rows after the first `skip`."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        raise NotImplementedError

    def share(self) -> float:
        return min(self._given / max(self.total, 1), 1.0)

    def check(self) -> None:
        """Raises `TableInvalid` for more rows than can have been meant."""
        most = max(table_limits().rows, ROWS_A_BYTE * len(self._content))
        if self.total > most:
            raise TableInvalid(f"The {self.words} claims {self.total} rows in {len(self._content)} bytes")

    def chunks(self, skip: int, rows: int) -> Iterator[Chunk]:
        self._given = skip
        with self._reading():
            for together in _of_size(self._batches(skip, rows), rows):
                count = sum(batch.num_rows for batch in together)
                self._given += count
                found = table_of(self._pyarrow, self.columns, together)
                yield Chunk(count, {}, Table(found.names, found.columns, index=self.index))

    @contextlib.contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except TableInvalid:
            raise
        except (self._pyarrow.ArrowException, *UNREADABLE) as error:
            raise TableInvalid(f"The {self.words} cannot be read: {brief(error)}") from None


class ParquetInput(ColumnInput):
    """The rows of a Parquet file."""

    words = "Parquet file"

    def _open(self) -> Any:
        self._groups = row_groups(self._content)
        parquet = pyarrow_module(".parquet")
        schema = parquet.ParquetFile(self._path).schema_arrow
        texts = [field.name for field in schema if is_text(self._pyarrow, field.type)]
        # Text is read as a dictionary: one long text in every row is there once.
        self._file = parquet.ParquetFile(
            self._path, read_dictionary=texts, pre_buffer=False, buffer_size=READ_BYTES
        )
        return schema

    @property
    def total(self) -> int:
        return sum(group.rows for group in self._groups)

    def _batches(self, skip: int, rows: int) -> Iterator[Any]:
        for number, group in enumerate(self._groups):
            if skip >= group.rows:
                skip -= group.rows
                continue
            check_group(self._content, group, table_limits())
            for batch in self._file.iter_batches(rows, row_groups=[number], use_threads=False):
                yield batch.slice(min(skip, batch.num_rows))
                skip -= min(skip, batch.num_rows)


class ArrowInput(ColumnInput):
    """The rows of an Arrow stream, or of a file in the format of one."""

    words = "Arrow data"
    _rows = -1

    def _open(self) -> Any:
        self._is_file = self._content[: len(FILE_MARK)] == FILE_MARK
        # A file is a stream between marks; its list of places, which could point anywhere, is not needed.
        begin = len(FILE_MARK) if self._is_file else 0
        buffer = self._pyarrow.memory_map(str(self._path)).read_buffer().slice(begin)
        self._reader = pyarrow_module(".ipc").open_stream(self._pyarrow.BufferReader(buffer))
        return self._reader.schema

    @property
    def total(self) -> int:
        if self._rows < 0:
            self._rows = check_batches(self._content, self._is_file, table_limits())
        return self._rows

    def _batches(self, skip: int, rows: int) -> Iterator[Any]:
        for batch in self._reader:
            if skip < batch.num_rows:
                batch.validate(full=True)
            yield batch.slice(min(skip, batch.num_rows))
            skip -= min(skip, batch.num_rows)


def _of_size(batches: Iterable[Any], rows: int) -> Iterator[list[Any]]:
    """The same rows in lists of batches that have `rows` of them, but for the last one."""
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        left = batch
        while left.num_rows:
            part = left.slice(0, rows - count)
            left = left.slice(part.num_rows)
            waiting.append(part)
            count += part.num_rows
            if count == rows:
                yield waiting
                waiting, count = [], 0
    if waiting:
        yield waiting
