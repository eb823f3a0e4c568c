"""Rows of a table out of JSON: lists, or objects by column, checked as a whole and cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, cast

import msgspec
import numpy

from modelport.contract.arrays import packing
from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.cells import Rule, checked, column_values, rule_of
from modelport.contract.arrays.csv_tables import parsed
from modelport.contract.arrays.example_rows import shown_rows
from modelport.contract.arrays.findings import (
    LIST_TYPE,
    MISSING,
    UNKNOWN,
    Findings,
    Step,
    listed,
    no_rows,
    wrong_length,
)
from modelport.contract.arrays.parts import Part, Whole
from modelport.contract.arrays.sent_arrays import fitted
from modelport.contract.arrays.sent_table import Table
from modelport.contract.model_options import Column
from modelport.contract.row_columns import RowColumns
from modelport.guards.errors import TableInvalid
from modelport.guards.table_limits import check_size, table_limits

LISTS = {list}
ROWS = (list, dict)
OBJECTS = {dict}


class TableRows:
    """Reads the rows of one input of two axes.

    `argument` is the name that clients send it under; `validator` converts the cells first.
    """

    def __init__(self, given: Input, argument: str, validator: RowColumns | None = None):
        self.input = given
        self.argument = argument
        self.validator = validator
        self.names = given.names
        self.width = len(given.columns) or given.shape[1]
        self.frame = given.as_frame and bool(self.names)
        self.rules = [self._rule(column) for column in given.columns]
        self.plain_rule = self._rule(Column(name=""))
        self.uniform = self._uniform()
        self.types = (
            self.uniform.types if self.uniform and self.uniform.kind != "object" else frozenset[type]()
        )
        self._in_order = _getter(self.names)

    def _rule(self, column: Column) -> Rule:
        if not column.used:
            return Rule(kind="object", dtype="object", missing=True)
        missing = self.input.allows_missing or column.missing
        optional = not column.required and column.default is None
        rule = rule_of(column.type, column.dtype or self.input.dtype, missing or optional)
        if rule.missing and not self.frame and not rule.dtype.startswith(("float", "object")):
            return msgspec.structs.replace(rule, missing=False)  # these have nothing for what is missing
        return rule

    def _uniform(self) -> Rule | None:
        """The rule of every cell, where all of them can go into one array at once."""
        rules = self.rules or [self.plain_rule]
        missing = all(rule.missing for rule in rules)  # null where only some take it gets a second look
        rule, *others = [msgspec.structs.replace(rule, missing=missing) for rule in rules]
        if any(other != rule for other in others) or (self.frame and rule.kind != "float"):
            return None
        return None if rule.kind in ("date", "list", "object") else rule

    def read(self, value: Any, found: Findings) -> Any:
        """The rows as the model takes them; what is wrong with them goes into `found`."""
        if type(value) is numpy.ndarray:
            ready = self._of_array(value)
            if ready is not None:
                return ready
            value = value.tolist()
        if type(value) is list and value:
            ready = self._at_once(cast("list[Any]", value))
            if ready is not None:
                return ready
        return self._one_by_one(value, found)

    def _of_array(self, array: Any) -> Any | None:
        rule = self.uniform
        if rule is None or self.validator is not None or not len(array):
            return None
        if not table_limits().hold(len(array), self.width or 0):
            return None
        ready = fitted(array, [None, self.width], rule)
        return packing.frame_of(ready, self.names) if self.frame and ready is not None else ready

    def read_together(self, values: list[Any], most: int) -> list[Part] | None:
        """The rows of several requests by the same passes in C; `None` if there is anything to look at.

        They are no more than `most`.
        """
        if set(map(type, values)) != LISTS or not all(values):
            return None
        rows = list(chain.from_iterable(values))
        array = self._at_once(rows) if len(rows) <= most else None
        if array is None:
            return None
        whole = Whole(array, len(values))
        return [Part(whole, number, value, self._at_once) for number, value in enumerate(values)]

    def _at_once(self, rows: list[Any]) -> Any | None:
        """The rows by passes in C only; `None` if there is anything to look at."""
        rule = self.uniform
        if rule is None:
            return None
        kinds = set(map(type, rows))
        if kinds == LISTS and self.validator is not None:
            return None
        if kinds != LISTS and (kinds != OBJECTS or self._in_order is None):
            return None
        widths = set(map(len, rows))
        width = widths.pop()
        if widths or (self.width is not None and self.width != width):
            return None
        if not table_limits().hold(len(rows), width):
            return None
        if kinds == OBJECTS and self._in_order is not None:
            try:
                rows = list(map(self._in_order, rows))
            except KeyError:
                return None
        cells = list(chain.from_iterable(rows))
        if not set(map(type, cells)) <= self.types:
            return None
        array = packing.array_of(cells, (len(rows), width), rule)
        return packing.frame_of(array, self.names) if self.frame and array is not None else array

    def _one_by_one(self, value: Any, found: Findings) -> Any:
        names = self.names
        given: dict[str, Any] = cast("dict[str, Any]", value) if type(value) is dict else {}
        if given.keys() == {"columns", "rows"}:
            value, names = self._named_rows(given, found)
            if found:
                return None
        if not isinstance(value, list):
            found.add((self.argument,), no_rows(shown_rows(self.input)))
            return None
        rows = cast("list[Any]", value)
        try:
            check_size(len(rows), self.width or max(map(_length, rows), default=0))
        except TableInvalid as error:
            found.add((self.argument,), ("table_invalid", str(error)))
            return None
        if self.input.underscores:
            rows = [self._renamed(row) for row in rows]
        if self.validator is not None:
            rows, errors = self.validator.converted(rows, self.argument)
            found.extend(errors)
            if errors:
                return None
        if not names and rows and type(rows[0]) is dict:
            names = list(cast("dict[str, Any]", rows[0]))
        indices, lines = self._lines(rows, names, found)
        if not rows:
            return self.of_columns([[] for _ in range(self.width or 0)], [], found)
        columns = [list(column) for column in zip(*lines, strict=True)]
        return self.of_columns(columns, indices, found, self._unsent(rows))

    def read_table(self, table: Table, found: Findings) -> Any:
        """The rows of a table that was sent as one; what is wrong with them goes into `found`."""
        if self.input.underscores:
            table = msgspec.structs.replace(table, names=[self._known(name) for name in table.names])
        if self.validator is not None:
            rows = [dict(zip(table.names, row, strict=True)) for row in zip(*table.columns, strict=True)]
            return self._one_by_one(rows, found)
        unsent = set(self.names) - set(table.names) if self.input.omits_unsent else set[str]()
        if self.names:
            columns = [self._column(table, number, found) for number in range(len(self.names))]
            for name in set(table.names) - set(self.names):
                found.add((self.argument, name), UNKNOWN)
        else:
            columns = list(table.columns)
            if self.width is not None and len(columns) != self.width:
                found.add((self.argument,), wrong_length("Row", len(columns), self.width))
        if found:
            return None
        if table.is_text:
            rules = [self._rule_at(number) for number in range(len(columns))]
            columns = [parsed(v, rule.kind, rule.missing) for v, rule in zip(columns, rules, strict=True)]
        return self.of_columns(columns, range(table.rows), found, unsent)

    def _column(self, table: Table, number: int, found: Findings) -> Sequence[Any]:
        column = self.input.columns[number]
        if column.name in table.names:
            return table.columns[table.names.index(column.name)]
        if column.required:
            found.add((self.argument, column.name), MISSING)
        return ["" if table.is_text and column.default is None else column.default] * table.rows

    def of_columns(
        self, columns: list[Any], indices: Sequence[int], found: Findings, unsent: set[str] | None = None
    ) -> Any:
        """The columns, in order, as the model takes them; a DataFrame lacks the `unsent` ones.

        `indices` number their rows for messages.
        """
        ready: list[Sequence[Any]] = []
        for number, values in enumerate(columns):
            step = self._step(number)
            ready.append(
                column_values(
                    values, self._rule_at(number), found, lambda i, s=step: (self.argument, indices[i], s)
                )
            )
        if found:
            return None
        if self.frame:
            kept = [number for number, name in enumerate(self.names) if name not in (unsent or ())]
            names, rules = [self.names[n] for n in kept], [self.rules[n] for n in kept]
            return packing.frame([ready[n] for n in kept], names, rules)
        return packing.matrix(ready, self.plain_rule.dtype)

    def _unsent(self, rows: list[Any]) -> set[str]:
        """The columns that no row has, where these are left out."""
        if not self.input.omits_unsent or not all(type(row) is dict for row in rows):
            return set()
        return set(self.names).difference(*rows)

    def _known(self, name: str) -> str:
        """The name of the column that is meant by a name with spaces in the place of underscores."""
        if name in self.names:
            return name
        return next((n for n in self.names if n.replace(" ", "_") == name.replace(" ", "_")), name)

    def _renamed(self, row: Any) -> Any:
        cells: dict[str, Any] = cast("dict[str, Any]", row) if type(row) is dict else {}
        known = {self._known(name): value for name, value in cells.items()}
        return known if known and len(known) == len(cells) else cast("Any", row)

    def _rule_at(self, number: int) -> Rule:
        return self.rules[number] if self.rules else self.plain_rule

    def _step(self, number: int) -> Step:
        return self.names[number] if self.names else number

    # -- rows that are looked at one by one ---------------------------------------------------------

    def _named_rows(self, value: dict[str, Any], found: Findings) -> tuple[Any, list[str]]:
        """`{"columns": […], "rows": [[…]]}` as objects by column, and the names."""
        names, rows = value["columns"], value["rows"]
        if type(names) is not list or not all(type(name) is str for name in cast("list[Any]", names)):
            found.add((self.argument, "columns"), LIST_TYPE)
            return [], self.names
        if type(rows) is not list:
            found.add((self.argument, "rows"), LIST_TYPE)
            return [], self.names
        given = cast("list[str]", names)
        if len(set(given)) < len(given):
            found.add((self.argument, "columns"), ("unique_names", "Each name should be given once"))
            return [], self.names
        objects: list[Any] = []
        for row in cast("list[Any]", rows):
            cells = cast("list[Any]", row)
            fits = type(row) is list and len(cells) == len(given)
            objects.append(dict(zip(given, cells, strict=True)) if fits else row)
        return objects, self.names or given

    def _lines(self, rows: list[Any], names: list[str], found: Findings) -> tuple[list[int], list[list[Any]]]:
        """The rows that are whole, as lists in the order of the columns, with their numbers."""
        width = self.width
        if width is None and rows:
            width = len(names) or (len(cast("list[Any]", rows[0])) if type(rows[0]) is list else 0)
        indices: list[int] = []
        lines: list[list[Any]] = []
        for index, row in enumerate(rows):
            line = self._line(row, index, (names, width or 0), found)
            if line is not None:
                indices.append(index)
                lines.append(line)
            if found.full:
                break
        return indices, lines

    def _line(self, row: Any, index: int, form: tuple[list[str], int], found: Findings) -> list[Any] | None:
        names, width = form
        where = (self.argument, index)
        if type(row) is list:
            cells = cast("list[Any]", row)
            if len(cells) == width:
                return cells
            found.add(where, wrong_length("Row", len(cells), width, listed(self.names)))
        elif type(row) is dict:
            if len(names) == width:
                return self._by_name(cast("dict[str, Any]", row), where, names, found)
            found.add(where, wrong_length("Row", len(names), width))
        else:
            found.add(where, (LIST_TYPE[0], f"Input should be a row of {shown_rows(self.input)}"))
        return None

    def _by_name(
        self, row: dict[str, Any], where: tuple[str, int], names: list[str], found: Findings
    ) -> list[Any] | None:
        line: list[Any] = []
        before = len(found.details)
        for number, name in enumerate(names):
            column = self.input.columns[number] if self.input.columns else None
            if name in row:
                line.append(row[name])
            elif column is None or column.required:
                found.add((*where, name), MISSING)
            else:
                line.append(column.default)
        for name in row.keys() - set(names):
            found.add((*where, name), UNKNOWN)
        if len(found.details) == before:
            return line
        for number, name in enumerate(names):  # the cells of a row that will not be looked at again
            fault = checked(row[name], self._rule_at(number))[1] if name in row else None
            if fault is not None:
                found.add((*where, name), fault)
        return None


def _length(row: Any) -> int:
    return len(row) if type(row) in ROWS else 0


def _getter(names: list[str]) -> Callable[[dict[str, Any]], Sequence[Any]] | None:
    if len(names) == 1:
        name = names[0]
        return lambda row: (row[name],)
    return cast("Callable[[dict[str, Any]], Sequence[Any]]", itemgetter(*names)) if names else None
