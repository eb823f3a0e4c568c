"""Parquet and Arrow tables, looked at before anything of them is unpacked.

A few bytes can claim any number of rows, and compressed ones can become gigabytes: the file's own
description is checked first, and each page or buffer is asked for its size before it is read.
pyarrow is an extra, and is imported when the first Parquet or Arrow table comes.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import msgspec

from modelport.contract.arrays.sent_table import Table, Wanted, check_names
from modelport.contract.errors import BadRequest
from modelport.guards.arrow import FILE_MARK, check_messages
from modelport.guards.errors import TableInvalid
from modelport.guards.parquet import check_pages
from modelport.guards.table_limits import check_size, table_limits

# What pyarrow raises for a file that is damaged, or holds moments and time zones that Python has not.
UNREADABLE = (OSError, ValueError, KeyError, OverflowError)


def pyarrow_module(module: str = "") -> Any:
    """pyarrow, or a module of it. Raises `BadRequest` (415) where it is not installed."""
    try:
        return importlib.import_module(f"pyarrow{module}")
    except ImportError:
        raise BadRequest(
            "Parquet and Arrow need pyarrow on this server (pip install 'modelport[table]'); CSV does not",
            415,
        ) from None


def read_parquet(content: bytes, wanted: Wanted) -> Table:
    """The wanted columns of a Parquet file. Raises `TableInvalid` and `BadRequest`."""
    pyarrow, parquet = pyarrow_module(), pyarrow_module(".parquet")
    try:
        check_pages(content, table_limits())
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        schema = file.schema_arrow
        check_size(file.metadata.num_rows, len(schema.names))
        names = _kept(pyarrow, schema, wanted)
        texts = [field.name for field in schema if is_text(pyarrow, field.type)]
        # Text is read as a dictionary: one long text in every row is there once.
        file = parquet.ParquetFile(pyarrow.BufferReader(content), read_dictionary=texts)
        return table_of(pyarrow, names, list(file.iter_batches(columns=names, use_threads=False)))
    except TableInvalid:
        raise
    except (pyarrow.ArrowException, *UNREADABLE) as error:
        raise TableInvalid(f"The Parquet file cannot be read: {brief(error)}") from None


def read_arrow(content: bytes, is_file: bool, wanted: Wanted) -> Table:
    """The wanted columns of an Arrow stream, or of a file in the format of one.

    Raises `TableInvalid` and `BadRequest`.
    """
    pyarrow, ipc = pyarrow_module(), pyarrow_module(".ipc")
    try:
        check_messages(content, is_file, table_limits())
        # A file is a stream between marks; its list of places, which could point anywhere, is not needed.
        begin = len(FILE_MARK) if is_file else 0
        reader = ipc.open_stream(pyarrow.BufferReader(pyarrow.py_buffer(content).slice(begin)))
        check_size(0, len(reader.schema.names))
        return table_of(pyarrow, _kept(pyarrow, reader.schema, wanted), _batches(reader))
    except TableInvalid:
        raise
    except (pyarrow.ArrowException, *UNREADABLE) as error:
        raise TableInvalid(f"The Arrow data cannot be read: {brief(error)}") from None


def _batches(reader: Any) -> list[Any]:
    found: list[Any] = []
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        check_size(rows, len(reader.schema.names))
        batch.validate(full=True)
        found.append(batch)
    return found


def _kept(pyarrow: Any, schema: Any, wanted: Wanted) -> list[str]:
    """The names of the columns that are read; their types nest nothing, and repeat nothing."""
    names = list(map(str, schema.names))
    check_names(names)
    kept = wanted.kept(names, index_names(schema.metadata or {}))
    for name in kept:
        said = schema.field(name).type
        if not is_flat(pyarrow, said):
            raise TableInvalid(
                f"The column {name[:100]!r} has the type {str(said)[:100]}; "
                "send numbers, booleans, text or dates"
            )
    return kept


def is_flat(pyarrow: Any, said: Any) -> bool:
    """Whether a column of this type has one value a row: a number, a boolean, text or a date."""
    kinds = pyarrow.types
    plain = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_null, kinds.is_decimal)
    moments = (kinds.is_timestamp, kinds.is_date, kinds.is_time, kinds.is_duration)
    found = said.value_type if kinds.is_dictionary(said) else said
    return any(is_kind(found) for is_kind in (*plain, *moments)) or is_text(pyarrow, found)


def index_names(metadata: dict[bytes, bytes]) -> list[str]:
    """The columns that pandas says are the index of the DataFrame that was written."""
    try:
        return msgspec.json.decode(metadata.get(b"pandas", b"{}"), type=_Written).names
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []


class _Written(msgspec.Struct):
    """What pandas writes beside a DataFrame; an index that is only counted is an object there."""

    index_columns: list[Any] = []

    @property
    def names(self) -> list[str]:
        return [name for name in self.index_columns if isinstance(name, str)]


def is_text(pyarrow: Any, kind: Any) -> bool:
    """Whether a column of this type is text."""
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def table_of(pyarrow: Any, names: list[str], batches: list[Any]) -> Table:
    """The columns of these names out of batches of rows."""
    columns = [_values(pyarrow, [batch.column(name) for batch in batches]) for name in names]
    return Table(names, columns)


def _values(pyarrow: Any, parts: list[Any]) -> Sequence[Any]:
    values: list[Any] = []
    for part in parts:
        if pyarrow.types.is_dictionary(part.type):
            words = _listed(pyarrow, part.dictionary)
            values += [None if index is None else words[index] for index in part.indices.to_pylist()]
        else:
            values += _listed(pyarrow, part)
    return values


def _listed(pyarrow: Any, array: Any) -> list[Any]:
    is_decimal = pyarrow.types.is_decimal(array.type)
    return (array.cast(pyarrow.float64()) if is_decimal else array).to_pylist()


def brief(error: BaseException) -> str:
    """What pyarrow says, on one line."""
    return str(error).partition("\n")[0][:200]
