"""The model at the root, as the documents list it: what a prediction answers there, by the dialect."""

from __future__ import annotations

from typing import NamedTuple

from modelport.api.documents.own_schemas import name_of
from modelport.api.documents.resource import Answer
from modelport.api.documents.resources import ERRORS
from modelport.api.resources.mlup import (
    LongPrediction,
    PredictError,
    PredictionId,
    Predictions,
    PredictResult,
)
from modelport.contract.signature import JSON

# The errors that have the dialect's shape: a prediction is answered in it from the first to the last.
OWN = (400, 402, 403, 406, 413, 415, 421, 422, 429, 500, 501, 503, 507)


class RootApi(NamedTuple):
    """Which model answers at the root, `None` for none, and whether its predictions are fetched later.

    With `envelope` its answers are those of the Made-With-ML lesson.
    """

    model: str | None
    is_long: bool
    envelope: bool = False

    @property
    def tag(self) -> str:
        """The group that its operations stand in."""
        return "lesson" if self.envelope else "mlup"

    @property
    def answer(self) -> str:
        """The name of the schema of a prediction."""
        return name_of(Predictions if self.envelope else PredictResult)

    @property
    def begun(self) -> str:
        """The name of the schema of a prediction that is fetched later."""
        return name_of(PredictionId if self.envelope else LongPrediction)


def predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction at the root that have shapes of its dialect."""
    answers: dict[int, Answer] = {
        status: (ERRORS[status].words, JSON, name_of(PredictError))
        for status in (*OWN, 504 if root.envelope else 408)
    }
    answers[200] = ("The prediction, or its id", JSON, root.begun if root.is_long else root.answer)
    if not root.envelope:
        answers[408] = ("The prediction took too long", JSON, name_of(PredictError))
        answers[429] = ("Too many requests or rows", JSON, name_of(PredictError))
    return dict(sorted(answers.items()))


def run_predict_answers(root: RootApi, *, enabled: bool) -> dict[int, Answer]:
    """The same for the version that a run has saved, which answers at once."""
    early = (402, 403, 421) if enabled else (200, 402, 403, 421)  # answered before it is the dialect's turn
    own = predict_answers(root._replace(is_long=False))
    return {status: answer for status, answer in own.items() if status not in early}


def get_predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction that is fetched."""
    return {
        200: ("The prediction", JSON, root.answer),
        408: ("It is not there yet, or no longer", JSON, name_of(PredictError)),
        500: ("The prediction failed", JSON, name_of(PredictError)),
    }
