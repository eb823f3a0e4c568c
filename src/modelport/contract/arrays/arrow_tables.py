"""Parquet and Arrow tables, looked at before anything of them is unpacked.

A few bytes can claim any number of rows, and compressed ones can become gigabytes: the file's own
description is checked first, and each page or buffer is asked for its size before it is read.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from modelport.contract.arrays.arrow_messages import FILE_MARK, check_messages
from modelport.contract.arrays.parquet_pages import check_pages
from modelport.contract.arrays.tables import Table, TableInvalid, check_names, check_size
from modelport.contract.errors import BadRequest

MAX_BYTES = 256 << 20  # unpacked


def _pyarrow(module: str = "") -> Any:
    try:
        return importlib.import_module(f"pyarrow{module}")
    except ImportError:
        raise BadRequest(
            "Parquet and Arrow need pyarrow on this server (pip install 'modelport[table]'); CSV does not",
            415,
        ) from None


def read_parquet(content: bytes) -> Table:
    """A Parquet file. Raises `TableInvalid` and `BadRequest`."""
    pyarrow, parquet = _pyarrow(), _pyarrow(".parquet")
    try:
        check_pages(content, MAX_BYTES)
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        schema = file.schema_arrow
        check_size(file.metadata.num_rows, len(schema.names))
        _check_types(pyarrow, schema)
        texts = [field.name for field in schema if _is_text(pyarrow, field.type)]
        # Text is read as a dictionary: one long text in every row is there once.
        file = parquet.ParquetFile(pyarrow.BufferReader(content), read_dictionary=texts)
        batches = list(file.iter_batches(use_threads=False))
    except pyarrow.ArrowException as error:
        raise TableInvalid(f"The Parquet file cannot be read: {_brief(error)}") from None
    except (OSError, ValueError) as error:
        raise TableInvalid(f"The Parquet file cannot be read: {_brief(error)}") from None
    return _table(pyarrow, schema.names, batches)


def read_arrow(content: bytes, is_file: bool) -> Table:
    """An Arrow stream, or a file in the format of one. Raises `TableInvalid` and `BadRequest`."""
    pyarrow, ipc = _pyarrow(), _pyarrow(".ipc")
    try:
        check_messages(content, is_file, MAX_BYTES)
        # A file is a stream between marks; its list of places, which could point anywhere, is not needed.
        begin = len(FILE_MARK) if is_file else 0
        reader = ipc.open_stream(pyarrow.BufferReader(pyarrow.py_buffer(content).slice(begin)))
        check_size(0, len(reader.schema.names))
        _check_types(pyarrow, reader.schema)
        batches = _batches(reader)
    except pyarrow.ArrowException as error:
        raise TableInvalid(f"The Arrow data cannot be read: {_brief(error)}") from None
    except (OSError, ValueError) as error:
        raise TableInvalid(f"The Arrow data cannot be read: {_brief(error)}") from None
    return _table(pyarrow, reader.schema.names, batches)


def _batches(reader: Any) -> list[Any]:
    found: list[Any] = []
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        check_size(rows, len(reader.schema.names))
        batch.validate(full=True)
        found.append(batch)
    return found


def _check_types(pyarrow: Any, schema: Any) -> None:
    """Only types whose cells are numbers, booleans or text: nothing that nests or repeats."""
    kinds = pyarrow.types
    check_names(list(schema.names))
    for field in schema:
        found = field.type
        if kinds.is_dictionary(found):
            found = found.value_type
        plain = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_null)
        if not any(is_kind(found) for is_kind in plain) and not _is_text(pyarrow, found):
            raise TableInvalid(
                f"The column {field.name[:100]!r} has the type {str(field.type)[:100]}; "
                "send numbers, booleans or text"
            )


def _is_text(pyarrow: Any, kind: Any) -> bool:
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _table(pyarrow: Any, names: list[str], batches: list[Any]) -> Table:
    columns: list[Sequence[Any]] = [[] for _ in names]
    if batches:
        columns = [_values(pyarrow, [batch.column(n) for batch in batches]) for n in range(len(names))]
    return Table([str(name) for name in names], columns)


def _values(pyarrow: Any, parts: list[Any]) -> Sequence[Any]:
    values: list[Any] = []
    for part in parts:
        if pyarrow.types.is_dictionary(part.type):
            words = part.dictionary.to_pylist()
            values += [None if index is None else words[index] for index in part.indices.to_pylist()]
        else:
            values += part.to_pylist()
    return values


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
