"""Tables that Python programs have in hand, from pandas, polars, pyarrow and their like, column by column.

They are known by their classes: who has one has imported its library, and nobody else should need it.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

FRAMES = frozenset({"DataFrame", "LazyFrame", "Table", "RecordBatch"})
LIBRARIES = frozenset({"pandas", "polars", "pyarrow"})


@dataclass(frozen=True)
class Frame:
    """A table: the names of its columns, its number of rows, and the object itself.

    The index of pandas is beside the columns, until `with_index` makes columns of it.
    """

    source: Any
    library: str
    names: tuple[str, ...]
    rows: int

    def columns(self) -> list[list[Any]]:
        """The values of each column; what is missing is None, or NaN."""
        if self.library == "pandas":
            return [column_of(self.source.iloc[:, n]) for n in range(len(self.names))]
        if self.library == "polars":
            return [_numbers(column.to_list()) for column in self.source.get_columns()]
        return [_numbers(column.to_pylist()) for column in self.source.columns]

    def index_names(self) -> list[str]:
        """The names of what stands beside the rows in pandas."""
        if self.library != "pandas":
            return []
        return [str(name) for name in self.source.index.names if name is not None]

    def with_index(self, wanted: Sequence[str]) -> Frame:
        """It with these parts of its index as columns, before the others."""
        levels = [name for name in self.source.index.names if str(name) in wanted] if wanted else []
        if not levels:
            return self
        found = frame_of(self.source.reset_index(level=levels))
        assert found is not None
        return found

    def arrow(self) -> bytes | None:
        """It as an Arrow stream, where all of its columns are numbers, booleans or text."""
        try:
            pyarrow = importlib.import_module("pyarrow")
            importlib.import_module("pyarrow.ipc")
            table = self._arrow_table(pyarrow)
        except (ImportError, TypeError, ValueError, OverflowError):  # those of pyarrow are of these classes
            return None
        if table is None or not all(_is_plain(pyarrow.types, each.type) for each in table.schema):
            return None
        written = io.BytesIO()
        with pyarrow.ipc.new_stream(written, table.schema) as writer:
            writer.write(table)
        return written.getvalue()

    def _arrow_table(self, pyarrow: Any) -> Any:
        if self.library == "pandas":
            return pyarrow.Table.from_pandas(self.source, preserve_index=False)
        return self.source.to_arrow() if self.library == "polars" else self.source


def frame_of(value: Any) -> Frame | None:
    """The value as a frame if it is one. Raises `ValueError` for columns that cannot be told by name."""
    library = _library_of(value)
    if not library:
        if hasattr(value, "to_pandas") and hasattr(value, "columns"):
            return frame_of(value.to_pandas())  # modin, cuDF, data sets of Hugging Face
        return None
    if library == "pandas":
        if value.columns.nlevels > 1:
            raise ValueError("the columns of the table have names of several levels: give each one name")
        return Frame(value, library, _once(value.columns), len(value))
    if library == "polars":
        found: Any = value.collect() if hasattr(value, "collect") else value
        return Frame(found, library, _once(found.columns), found.height)
    return Frame(value, library, _once(value.schema.names), value.num_rows)


def is_series(value: Any) -> bool:
    """True for one column, or one row with the names of its columns, of pandas or polars."""
    return any(
        each.__name__ == "Series" and each.__module__.partition(".")[0] in ("pandas", "polars")
        for each in type(value).__mro__
    )


def column_of(series: Any) -> list[Any]:
    """The values of a column of pandas as Python has them, with None for what is missing."""
    known = series.astype(object)
    return _numbers(known.where(series.notna(), None).tolist())


def _library_of(value: Any) -> str:
    for each in cast("type[Any]", type(value)).__mro__:
        library = each.__module__.partition(".")[0]
        if library in LIBRARIES and each.__name__ in FRAMES:
            return library
    return ""


def _once(names: Any) -> tuple[str, ...]:
    found = tuple(str(name) for name in names)
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ValueError(f"the table has the column {twice!r} twice")
    return found


def _numbers(values: list[Any]) -> list[Any]:
    """Decimal numbers, which databases give, as numbers: a table has no others."""
    return [float(value) if isinstance(value, Decimal) else value for value in values]


def _is_plain(kinds: Any, found: Any) -> bool:
    if kinds.is_dictionary(found):
        found = found.value_type
    is_text = kinds.is_string(found) or kinds.is_large_string(found)
    is_number = kinds.is_integer(found) or kinds.is_float32(found) or kinds.is_float64(found)
    return bool(is_text or is_number or kinds.is_boolean(found) or kinds.is_null(found))
