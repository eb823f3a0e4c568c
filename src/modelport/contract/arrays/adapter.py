"""What the array contract needs of a framework's model: its inputs, its options and its predictions.

An adapter is made by `modelport.sources.frameworks` out of a loaded object; `ArrayModel` serves it.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from modelport.contract.arrays.findings import Fault, Step
from modelport.contract.model_options import Column
from modelport.contract.signature import Argument


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One array that a model takes.

    `dtype` is numpy's name of the type (`float64`, `int64`, `bool`, `str`), empty where the model takes
    what it gets. `shape` has one entry for each axis, `None` where any length will do; the first axis is
    the rows. An empty `shape` leaves it to the model. `columns` are those of the last axis of a table of
    rows, in order. `as_frame` asks for a pandas DataFrame with these columns; without any, with those that
    are sent. `allows_missing` takes null in every column, for a number as NaN; a column may do so, too.
    With `omits_unsent` a DataFrame lacks the columns that no row has. `underscores` takes a space in the
    name of a column for an underscore. `samples` has a value that the model takes for each column, by its
    number, of which it knows one.
    """

    name: str
    dtype: str = "float64"
    shape: list[int | None] = []
    columns: list[Column] = []
    as_frame: bool = False
    allows_missing: bool = False
    required: bool = True
    omits_unsent: bool = False
    underscores: bool = False
    samples: dict[int, Any] = {}

    @property
    def names(self) -> list[str]:
        """The names of the columns; none where they have none."""
        names = [column.name for column in self.columns]
        return names if all(names) else []


class CellsRefused(Exception):
    """Values that the model does not know. `cells` has the row, the column and the fault of each."""

    def __init__(self, cells: list[tuple[int, Step, Fault]]):
        super().__init__(f"{len(cells)} values are unknown to the model")
        self.cells = cells


class ArrayAdapter(Protocol):
    """One loaded model of a framework. It knows nothing of requests, JSON or batches."""

    framework: str  # such as "sklearn" or "onnx": shown in the metadata
    metadata: dict[str, Any]  # what the model says of itself, JSON-ready (description, version, classes …)
    inputs: list[Input]
    options: list[Argument]  # further arguments of predict, such as `predict_proba`, with their defaults
    batches: bool  # rows do not depend on each other, and any number of them can be predicted at once
    # An adapter of a model of text may have `of_text`, too: functions for its verbs of text, by their names.

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        """Predict. `inputs` maps names to numpy arrays (or DataFrames), `options` has every option.

        Raises `CellsRefused` for values of its first input that no model of this kind could predict.
        Returns an array, or a dictionary of arrays by output name, whose first axis is the rows.
        """
        ...
