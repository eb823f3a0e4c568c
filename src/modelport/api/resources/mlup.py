"""What the model at the root answers, in the words of mlup and of the Made-With-ML lesson."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from modelport.api.resources.described import words


class Health(msgspec.Struct):
    status_code: int
    status: int


class ModelInfo(msgspec.Struct):
    name: str
    version: str
    type: str
    columns: list[dict[str, Any]] | None


class WebAppInfo(msgspec.Struct):
    version: str


class Info(msgspec.Struct):
    model_info: ModelInfo
    web_app_info: WebAppInfo


class PredictResult(msgspec.Struct):
    predict_result: Annotated[Any, words("What the model answered")]


class BegunPrediction(msgspec.Struct):
    predict_id: Annotated[str, words("The same")]


class LongPrediction(msgspec.Struct):
    predict_id: str
    predict_result: BegunPrediction


class ErrorDetail(msgspec.Struct):
    loc: Annotated[list[Any], words("Where: an argument, an index, a column")]
    msg: str
    type: str


class PredictError(msgspec.Struct):
    detail: list[ErrorDetail]
    predict_id: str | None


class PredictionId(msgspec.Struct):
    predict_id: str


class Predictions(msgspec.Struct):
    """What the model answered; what is no object is under predictions."""

    predictions: Annotated[Any, words("What the model answered, if it is no object")] = UNSET
