"""How large a table may be, whichever model reads it and however it was sent."""

from __future__ import annotations

import sys
from contextvars import ContextVar

import msgspec

from modelport.guards.errors import TableInvalid
from modelport.settings.sizes import MIB, TABLE_BYTES, TABLE_CELLS, TABLE_COLUMNS, TABLE_ROWS


class TableLimits(msgspec.Struct, frozen=True, array_like=True):
    """The largest table that is taken; 0 for no limit. `size` is in bytes, as sent and unpacked."""

    cells: int = TABLE_CELLS
    columns: int = TABLE_COLUMNS
    rows: int = TABLE_ROWS
    size: int = TABLE_BYTES

    def hold(self, rows: int, columns: int) -> bool:
        """Whether a table may have as many rows and columns."""
        counts = ((rows, self.rows), (columns, self.columns), (rows * columns, self.cells))
        return all(count <= most for count, most in counts if most)

    def words(self) -> str:
        """What is taken, for a client whose table is larger."""
        known = ((self.rows, "rows"), (self.columns, "columns"), (self.cells, "cells"))
        *first, last = [f"{most} {what}" for most, what in known if most]
        return f"at most {', '.join(first)}{' and ' if first else ''}{last} are taken"

    @property
    def most_bytes(self) -> int:
        return self.size or sys.maxsize

    def size_words(self) -> str:
        """The most bytes, for a client whose table has more."""
        return f"{self.size // MIB} MiB" if self.size % MIB == 0 else f"{self.size} bytes"


_LIMITS: ContextVar[TableLimits] = ContextVar("table_limits", default=TableLimits())  # noqa: B039 - frozen


def table_limits() -> TableLimits:
    """The limits that hold here: those of the worker that runs this, else the defaults of the settings."""
    return _LIMITS.get()


def set_table_limits(limits: TableLimits) -> None:
    """Let these hold for the rest of this context: in a worker, or in the server's thread that is one."""
    _LIMITS.set(limits)


def check_size(rows: int, columns: int) -> None:
    """Refuse a table that is too large. Raises `TableInvalid`."""
    limits = table_limits()
    if not limits.hold(rows, columns):
        raise TableInvalid(f"The table has {rows} rows of {columns} columns; {limits.words()}")
