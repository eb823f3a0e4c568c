"""What an operator says about a model that its file cannot say, or says otherwise."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ColumnType = Literal["any", "int", "float", "str", "bool", "date", "list"]
RowForm = Literal["", "lists", "numpy", "pandas", "tensorflow", "torch"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column of a model's rows, and what may come in it.

    Its `name` is empty where columns are known by their order alone. One that is not required has `default`
    where a row lacks it. `missing` takes null. `dtype` is numpy's name of the type of its numbers, where
    that is not the type of all the rows. One that is not `used` may hold anything: the model drops it.
    """

    name: str
    type: ColumnType = "any"
    required: bool = True
    default: Any = None
    missing: bool = False
    dtype: str = ""
    used: bool = True


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to load and to call one model. Empty values leave it to the model.

    `format` names the file format instead of recognising it; `trust` allows formats that can run code
    when they are loaded. `predict_method` is the method that predicts; `rows_argument` the name under
    which its rows are sent. `columns` describe the rows; `validate_columns` converts each cell to its
    column's type. `rows_as` is the form in which a Python object gets its rows, `dtype` their numpy type.
    `first_output` answers with the first of several outputs only. `max_batch_size` (calls, 1 for no
    batches), `max_wait_ms` and `max_concurrency` are the scheduler's. `metadata` is shown over the model's
    own.
    """

    format: str = ""
    trust: bool = False
    predict_method: str = ""
    rows_argument: str = ""
    columns: list[Column] = []
    validate_columns: bool = False
    rows_as: RowForm = ""
    dtype: str = ""
    first_output: bool = False
    max_batch_size: int | None = None
    max_wait_ms: float | None = None
    max_concurrency: int | None = None
    metadata: dict[str, Any] = {}
