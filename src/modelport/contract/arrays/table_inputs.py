"""Tables as whole bodies and as uploads, and the inputs of a model that they fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport.contract.arrays.csv_tables import parsed
from modelport.contract.arrays.findings import MISSING, UNKNOWN, Findings, wrong_length
from modelport.contract.arrays.rows import TableRows
from modelport.contract.arrays.sent_columns import SentColumns
from modelport.contract.arrays.sent_table import Table, Wanted
from modelport.contract.arrays.tables import MEDIA_TYPES, check_bytes, kind_of, read_table, read_upload
from modelport.contract.arrays.values import ArrayValues
from modelport.contract.errors import BadRequest
from modelport.contract.places import Body, Places
from modelport.guards.errors import TableInvalid

Reader = TableRows | SentColumns | ArrayValues


class TableInputs:
    """Fills the inputs of one model from tables."""

    def __init__(self, readers: dict[str, Reader]):
        self.readers = readers

    def of_body(self, body: Body, places: Places, found: Findings) -> dict[str, Any]:
        """The inputs out of a body that is a table; none if it is no table and the query has them all.

        Raises `BadRequest` (415, 413) for a body of another kind, and one that is too large.
        """
        kind = kind_of(body.media_type)
        if not kind:
            if all(reader.argument in places.query for reader in self.readers.values()):
                return {}
            known = ", ".join(["application/json", *MEDIA_TYPES])
            raise BadRequest(
                f"this model takes no {body.media_type[:100] or 'body without a Content-Type'!r}; "
                f"it takes {known}",
                415,
            )
        argument = next(iter(self.readers.values())).argument
        wanted = self._wanted(list(self.readers.values()))
        if body.table is not None:
            table = wanted.part_of(body.table)
        else:
            check_bytes(body.size())
            table = _read(lambda: read_table(body.read(), kind, wanted), argument, found)
        if table is None:
            return {}
        if len(self.readers) == 1:
            name, reader = next(iter(self.readers.items()))
            return {name: _filled(reader, table, found)}
        return self._by_column(table, found)

    def of_upload(self, upload: Any, reader: Reader, found: Findings) -> Any:
        """One input out of an uploaded table."""
        wanted = self._wanted([reader])
        table = _read(lambda: read_upload(upload, wanted), reader.argument, found)
        return None if table is None else _filled(reader, table, found)

    def _wanted(self, readers: list[Reader]) -> Wanted:
        """The columns of a table that fills these; each of several is filled by the column of its name."""
        if len(readers) > 1:
            return Wanted(known=frozenset(reader.argument for reader in readers), no_index=True)
        columns = readers[0].input.columns
        return Wanted(
            known=frozenset(column.name for column in columns if column.used),
            unused=frozenset(column.name for column in columns if not column.used) - {""},
            no_index=True,
        )

    def _by_column(self, table: Table, found: Findings) -> dict[str, Any]:
        """Several inputs of one value a row, each out of the column of its name."""
        if any(_width(reader) != 1 for reader in self.readers.values()):
            raise BadRequest("this model has several inputs; send each table as an upload of its name", 415)
        arguments = {reader.argument: name for name, reader in self.readers.items()}
        for column in set(table.names) - set(arguments):
            found.add((column,), UNKNOWN)
        inputs: dict[str, Any] = {}
        for argument, name in arguments.items():
            reader = self.readers[name]
            if argument in table.names:
                part = Table([argument], [table.columns[table.names.index(argument)]], table.is_text)
                inputs[name] = _filled(reader, part, found)
            elif reader.input.required:
                found.add((argument,), MISSING)
        return inputs


def _width(reader: Reader) -> int | None:
    if isinstance(reader, ArrayValues):
        return 1 if len(reader.input.shape) == 1 else None
    return reader.width


def _read(read: Callable[[], Table], argument: str, found: Findings) -> Table | None:
    try:
        return read()
    except TableInvalid as error:
        found.add((argument,), ("table_invalid", str(error)))
        return None


def _filled(reader: Reader, table: Table, found: Findings) -> Any:
    if not isinstance(reader, ArrayValues):
        return reader.read_table(table, found)
    if len(reader.input.shape) != 1:
        raise BadRequest(f"the input {reader.argument!r} is no table of rows; send it as JSON", 415)
    if len(table.columns) != 1:
        found.add((reader.argument,), wrong_length("Row", len(table.columns), 1))
        return None
    values = table.columns[0]
    return reader.read(list(parsed(values, reader.rule.kind) if table.is_text else values), found)
