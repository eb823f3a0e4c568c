"""Rows checked and converted by the columns that an operator has described."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, Required

import pydantic
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from modelport.contract.field_messages import error_details
from modelport.contract.model_options import Column

HINTS: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "date": datetime,
    "list": list[Any],
    "any": Any,
}
NO_ROW = {"type": "model_type", "msg": "Input should be a valid dictionary"}  # of mlup: a row is a model


class RowColumns:
    """Converts the cells of rows to the types of their columns, as pydantic does in its lax mode.

    Rows are objects. Other keys are left out, and a column that is not required has its default where a row
    lacks it.
    """

    def __init__(self, columns: list[Column]):
        self.columns = columns
        self.names = [column.name for column in columns]
        entries = {
            column.name: (Required if column.required else NotRequired)[
                HINTS[column.type] if column.required else HINTS[column.type] | None
            ]
            for column in columns
        }
        shape: Any = TypedDict("Row", entries)  # pyright: ignore
        shape.__pydantic_config__ = ConfigDict(extra="ignore")
        self._row: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)

    def converted(self, rows: list[Any], argument: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows as dictionaries in the order of the columns, and what is wrong with any of them."""
        ready: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for index, row in enumerate(rows):
            try:
                found = self._row.validate_python(row)
            except pydantic.ValidationError as error:
                for detail in error_details(error):
                    is_row = not detail["loc"] and detail["type"] == "dict_type"
                    kind = NO_ROW if is_row else {}
                    errors.append(detail | kind | {"loc": [argument, index, *detail["loc"]]})
                continue
            ready.append({c.name: found.get(c.name, c.default) for c in self.columns})
        return ready, errors
