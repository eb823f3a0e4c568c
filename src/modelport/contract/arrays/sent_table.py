"""A table as it was sent, whatever its form was, and which of its columns are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from modelport.guards.errors import TableInvalid

MADE_UP = re.compile(r"__index_level_\d+__")  # the name that pandas gives to an index without one


class Table(msgspec.Struct, frozen=True):
    """A table: the names of its columns, and their values. Those of CSV are text.

    `index` are those of its columns that pandas wrote as the index of a DataFrame, where nobody has left
    them out yet.
    """

    names: list[str]
    columns: list[Sequence[Any]]
    is_text: bool = False
    index: Sequence[str] = ()

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def select(self, names: list[str]) -> Table:
        """It with these of its columns."""
        columns = dict(zip(self.names, self.columns, strict=True))
        index = [name for name in self.index if name in names]
        return Table(names, [columns[name] for name in names], self.is_text, index)


class Wanted(msgspec.Struct, frozen=True):
    """What a reader wants of a table: columns that it knows by name, and ones that it has no use for.

    Of one that knows no index, those that pandas wrote as the index of a DataFrame are left out.
    """

    known: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    no_index: bool = False

    def kept(self, names: list[str], index: list[str]) -> list[str]:
        """The names of the columns to read, of a table with these columns and this index."""
        index = [name for name in index if self.no_index or MADE_UP.fullmatch(name)]
        left = self.unused.union(index).difference(self.known)
        return [name for name in names if name not in left]

    def part_of(self, table: Table) -> Table:
        """The table with the columns to read."""
        kept = self.kept(table.names, list(table.index))
        return table if kept == table.names else table.select(kept)


ALL = Wanted()


def check_names(names: list[str]) -> None:
    """Refuse a table that has no columns, or a name twice. Raises `TableInvalid`."""
    if not names:
        raise TableInvalid("The table has no columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableInvalid(f"The table has the column {twice[:100]!r} twice")
