"""Rows for models that take a DataFrame, and do not say of which columns: those that are sent."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import msgspec

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.findings import LIST_TYPE, Findings, wrong_length
from modelport.contract.arrays.rows import TableRows
from modelport.contract.arrays.sent_table import Table
from modelport.contract.arrays.values import ArrayValues
from modelport.contract.model_options import Column

MOST_FORMS = 16  # lists of names that are remembered


class SentColumns:
    """Makes a DataFrame of rows that come with names, and an array of those that have none."""

    def __init__(self, given: Input, argument: str):
        self.input = given
        self.argument = argument
        self.width = given.shape[1] if given.shape else None
        without = msgspec.structs.replace(given, as_frame=False)
        self.plain = TableRows(without, argument) if given.shape else ArrayValues(without, argument)
        self._named = lru_cache(MOST_FORMS)(self._reader)

    def _reader(self, names: tuple[str, ...]) -> TableRows:
        columns = [Column(name=name) for name in names]
        shape = [None, len(names)]
        return TableRows(msgspec.structs.replace(self.input, columns=columns, shape=shape), self.argument)

    def read(self, value: Any, found: Findings) -> Any:
        """The rows as the model takes them; what is wrong with them goes into `found`."""
        names = _names(value)
        return self.plain.read(value, found) if names is None else self._read(names, value, found)

    def read_table(self, table: Table, found: Findings) -> Any:
        """The rows of a table that was sent as one."""
        return self._read(table.names, table, found)

    def _read(self, names: list[Any], value: Any, found: Findings) -> Any:
        if not all(type(name) is str for name in names):
            found.add((self.argument, "columns"), LIST_TYPE)
        elif self.width is not None and len(names) != self.width:
            found.add((self.argument,), wrong_length("Row", len(names), self.width))
        else:
            reader = self._named(tuple(names))
            return reader.read_table(value, found) if type(value) is Table else reader.read(value, found)
        return None


def _names(value: Any) -> list[Any] | None:
    """The names that rows come with, those of the first row where each is an object."""
    if type(value) is dict:
        given = cast("dict[str, Any]", value)
        names: Any = given.get("columns")
        is_table = given.keys() == {"columns", "rows"} and type(names) is list
        return cast("list[Any]", names) if is_table else None
    rows = cast("list[Any]", value) if type(value) is list else []
    return list(cast("dict[str, Any]", rows[0])) if rows and type(rows[0]) is dict else None
