"""Rows as the request that they would be, for models that take many at once."""

from __future__ import annotations

from typing import Any, cast

from modelport.contract.arrays.csv_tables import typed
from modelport.contract.arrays.sent_table import Table
from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Body, Places
from modelport.contract.rows_taken import RowsTaken

Rows = Table | list[Any]
TABLE = "text/csv"  # of the body that rows of a table are


def request_of(rows: Rows, query: dict[str, list[str]], taken: RowsTaken, contract: str) -> Places:
    """The request that these rows are, with what the query string says of all of them."""
    if isinstance(rows, Table) and contract == "array":
        places = Places(dict(query))
        places.body = Body(TABLE, table=rows)
        return places
    if isinstance(rows, Table):
        columns = [typed(values) for values in rows.columns] if rows.is_text else rows.columns
        lines = [list(line) for line in zip(*columns, strict=True)]
        if contract == "typed":
            return Places(dict(query), json={taken.argument: {"columns": rows.names, "rows": lines}})
        if not taken.as_lists:
            lines = [dict(zip(rows.names, line, strict=True)) for line in lines]
        return Places(dict(query), json={taken.argument: lines})
    if not taken.several:
        return Places(dict(query), json={taken.argument: rows})
    missing: dict[str, Any] = {}
    for place, row in enumerate(rows):
        cells = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
        if cells.keys() != set(taken.columns):
            missing[str(place)] = [f"Input should be an object with {', '.join(taken.columns)}"]
    if missing:
        details = [
            {"loc": ["", int(place)], "msg": said[0], "type": "missing"} for place, said in missing.items()
        ]
        raise ArgumentErrors(missing, details)
    return Places(dict(query), json={name: [row[name] for row in rows] for name in taken.columns})
