"""Full files of the payload log as Parquet, and back: inputs and answers are JSON there, of any form."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from modelport.telemetry.payloads.records import Record, record_in
from modelport.telemetry.payloads.segments import TABLE, open_own

AT_ONCE = 1000  # rows


def to_table(path: Path) -> Path:
    """Write the lines of a file as Parquet in its place; returns where.

    Raises `ImportError` without pyarrow, and `OSError`: then the lines are still there.
    """
    pyarrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    schema = _schema(pyarrow)
    table = path.with_suffix(TABLE)
    partial = table.with_name(f"{table.name}.part")
    try:
        with path.open("rb") as lines, open_own(partial) as file:
            with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                while some := list(islice(lines, AT_ONCE)):
                    rows = [_row(line) for line in some]
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            file.flush()
            os.fsync(file.fileno())
        state = path.stat()
        os.utime(partial, ns=(state.st_atime_ns, state.st_mtime_ns))  # its age is that of its last line
        partial.replace(table)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    path.unlink()
    return table


def _row(line: bytes) -> dict[str, Any]:
    record = record_in(line)
    made = msgspec.structs.asdict(record)
    return made | {name: msgspec.json.encode(made[name]).decode() for name in ("input", "answer")}


def _schema(pyarrow: Any) -> Any:
    text = pyarrow.string()
    return pyarrow.schema(
        [
            ("at", pyarrow.timestamp("us", tz="UTC")),
            *((name, text) for name in ("request_id", "model")),
            ("version", pyarrow.int64()),
            *((name, text) for name in ("verb", "dialect", "principal")),
            ("status", pyarrow.int32()),
            ("seconds", pyarrow.float64()),
            ("input", text),
            ("answer", text),
        ]
    )


def table_records(path: Path) -> Iterator[Record]:
    """The records of a Parquet file of the log. Raises `ImportError` without pyarrow, `OSError`."""
    parquet: Any = import_module("pyarrow.parquet")
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=AT_ONCE):
            for row in batch.to_pylist():
                parsed = {name: msgspec.json.decode(row[name]) for name in ("input", "answer")}
                yield Record(**row | parsed)
