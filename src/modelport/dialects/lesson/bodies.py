"""The data in the lesson's envelope, of predictions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from modelport.api.resources.described import words


class PredictionId(msgspec.Struct):
    predict_id: str


class Predictions(msgspec.Struct):
    """What the model answered; what is no object is under predictions."""

    predictions: Annotated[Any, words("What the model answered, if it is no object")] = UNSET
