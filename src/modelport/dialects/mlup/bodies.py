"""The bodies of answers as mlup has them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

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
