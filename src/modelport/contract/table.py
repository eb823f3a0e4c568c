"""The kind of argument that is a table: rows with named columns, however they were sent."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, cast

from modelport.contract.arrays import tables
from modelport.contract.arrays.csv_tables import typed
from modelport.contract.arrays.sent_table import Table as SentTable
from modelport.contract.errors import HTTPError
from modelport.contract.uploaded_file import is_uploaded_file
from modelport.guards.table_limits import check_size

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

FORMS = 'send CSV, Parquet, Arrow, a list of objects or {"columns": […], "rows": [[…]]}.'


class TableError(HTTPError, ValueError):
    """A table lacks what the model needs of it: 422 for the client, unless the model catches it."""

    def __init__(self, reason: str):
        super().__init__(422, reason)


class Table:
    """Rows with named columns, sent as CSV (with a header line), Parquet, Arrow or JSON.

    JSON takes a list of objects, `{"columns": […], "rows": [[…]]}` or a list of lists (columns `0`, `1`, …).
    `columns` are the names, `rows` lists of values. Cells of CSV are numbers, booleans (in a column that has
    nothing else) or text; an empty cell is `None` in a column of numbers or booleans. A column with a code
    such as `01234` is text.
    """

    def __init__(self, columns: list[str], rows: list[list[Any]]):
        for index, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(f"Row {index} has {len(row)} values, the table has {len(columns)} columns.")
        self.columns = columns
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, *columns: str) -> list[list[Any]]:
        """The rows with just these columns, in this order. Raises `TableError` naming a missing one."""
        for column in columns:
            if column not in self.columns:
                raise TableError(f"Missing column {column!r}; the table has {', '.join(self.columns)}.")
        indices = [self.columns.index(column) for column in columns]
        return [[row[i] for i in indices] for row in self.rows]

    def numbers(self, *columns: str) -> list[list[float]]:
        """Like `select`, or all columns, each value a float. Raises `TableError` naming the cell."""
        names = columns or tuple(self.columns)
        return [
            [_number(value, index, name) for value, name in zip(row, names, strict=True)]
            for index, row in enumerate(self.select(*names))
        ]

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame. Raises `ImportError` if pandas is not installed."""
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(self.rows, columns=self.columns)

    @classmethod
    def from_csv(cls, text: str) -> Table:
        """A table out of CSV with a header line. Raises `ValueError`."""
        return cls._read(tables.read_table(text.encode(), tables.CSV))

    @classmethod
    def from_text(cls, text: str) -> Table:
        """A table out of text in a query or a form: JSON where it is JSON, CSV otherwise."""
        if text.lstrip()[:1] in ("[", "{"):
            try:
                value = json.loads(text)
            except (json.JSONDecodeError, RecursionError):
                return cls.from_csv(text)  # CSV whose first column has such a name
            return cls.from_value(value)
        return cls.from_csv(text)

    @classmethod
    def from_value(cls, value: Any) -> Table:
        """A table out of what a client sent. Raises `ValueError`, and `BadRequest` where one is too large."""
        if isinstance(value, Table):
            return value
        if is_uploaded_file(value):
            return cls._read(tables.read_upload(value))
        if isinstance(value, str):
            return cls.from_text(value)
        if isinstance(value, dict):
            given = cast("dict[str, Any]", value)
            columns, rows = given.get("columns"), given.get("rows")
            if isinstance(columns, list) and isinstance(rows, list):
                return cls._of_rows([str(c) for c in cast("list[Any]", columns)], cast("list[Any]", rows))
        if isinstance(value, list):
            items = cast("list[Any]", value)
            if items and all(isinstance(item, dict) for item in items):
                return cls._of_objects(items)
            if items and isinstance(items[0], list):
                return cls._of_rows([str(i) for i in range(len(cast("list[Any]", items[0])))], items)
            if not items:
                return cls([], [])
        raise ValueError(f"Not a valid table: {FORMS}")

    @classmethod
    def _read(cls, table: SentTable) -> Table:
        columns = table.columns
        if table.is_text:
            for number, values in enumerate(columns):  # the text of each goes when it has been read
                columns[number] = typed(values)
        return cls(table.names, list(map(list, zip(*columns, strict=True))))

    @classmethod
    def _of_rows(cls, columns: list[str], rows: list[Any]) -> Table:
        check_size(len(rows), len(columns))
        for index, row in enumerate(rows):
            if not isinstance(row, list):
                raise ValueError(f"Row {index} is not a list.")
        return cls(columns, rows)

    @classmethod
    def _of_objects(cls, items: list[dict[str, Any]]) -> Table:
        columns = list(items[0])
        check_size(len(items), len(columns))
        rows: list[list[Any]] = []
        for index, item in enumerate(items):
            missing = [c for c in columns if c not in item]
            if missing or len(item) != len(columns):
                odd = missing[0] if missing else next(c for c in item if c not in columns)
                raise ValueError(f"Row {index}: column {odd!r} is not in every row.")
            rows.append([item[c] for c in columns])
        return cls(columns, rows)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.from_value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        rows: dict[str, Any] = {"type": "array", "items": {"type": "array", "items": {}}}
        table: dict[str, Any] = {
            "type": "object",
            "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "rows": rows},
            "required": ["columns", "rows"],
        }
        objects = {"type": "array", "items": {"type": "object"}}
        return {"anyOf": [objects, table, rows, {"type": "string", "format": "csv"}]}


def _number(value: Any, row: int, column: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise TableError(f"Row {row}, column {column!r}: the number is too large.") from None
    said = "it is empty" if value is None else f"{value!r} is not a number"
    raise TableError(f"Row {row}, column {column!r}: {said}.")
