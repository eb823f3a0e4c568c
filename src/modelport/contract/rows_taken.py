"""Models that take many rows in one call, and answer one prediction for each."""

from __future__ import annotations

from typing import Any, NamedTuple

from modelport.contract.served import ServedModel
from modelport.contract.trained_elsewhere import TrainedElsewhere


class RowsTaken(NamedTuple):
    """How a model takes rows: those of a table fill `argument`, one for each column if it has `several`.

    `columns` are those that it knows by name, none if it takes any. Rows `as_lists` have no names.
    """

    argument: str
    columns: list[str]
    several: bool = False
    as_lists: bool = False


def rows_taken(model: ServedModel) -> RowsTaken | None:
    """How this model takes rows; `None` if a call of it is about one thing."""
    found: Any = model.saved if isinstance(model, TrainedElsewhere) else model
    predict = model.signature.predict
    if model.signature.contract == "array":
        readers = list(found.readers.values())
        if len(readers) > 1:
            return RowsTaken("", [reader.argument for reader in readers], several=True)
        columns = readers[0].input.columns
        return RowsTaken(readers[0].argument, [column.name for column in columns if column.name])
    if model.signature.contract == "object" and found.rows:
        as_lists = found.forms is not None and found.forms.form in ("numpy", "tensorflow", "torch")
        return RowsTaken(found.rows, [column.name for column in found.options.columns], as_lists=as_lists)
    tables = [argument for argument in predict.arguments if argument.schema.get("format") == "table"]
    if model.signature.contract == "typed" and len(tables) == 1 and not predict.uploads:
        return RowsTaken(tables[0].name, [])
    return None
