"""What KServe's V1 and MLflow say over HTTP, as types for the API documents."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import words


class Rows(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be predicted: one of the first four."""

    instances: Annotated[Any, words("Rows, one for each prediction")] = None
    inputs: Annotated[Any, words("Rows, or each input or column by its name")] = None
    dataframe_split: Annotated[Any, words("`columns` and `data`")] = None
    dataframe_records: Annotated[Any, words("An object for each row")] = None
    params: Annotated[dict[str, Any], words("Further arguments of the model")] = {}


class Predictions(msgspec.Struct):
    """The answer."""

    predictions: Any


class RowsError(msgspec.Struct):
    """What was wrong, for the clients of KServe and of MLflow."""

    error: str
    error_code: str
    message: str
