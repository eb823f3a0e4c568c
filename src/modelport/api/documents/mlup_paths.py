"""The mlup API at the root, as the documents list it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modelport.api.documents.resource import Answer, Plain, Resource
from modelport.api.documents.resources import BORDER, ERRORS, MODEL
from modelport.contract.signature import JSON, Signature

# The errors that have the dialect's shape: a prediction is answered in it from the first to the last.
OWN = (400, 402, 403, 406, 413, 415, 421, 422, 429, 500, 501, 503, 507)
PREDICT_ID = Plain("predict_id", "path", "What /predict answered", {"type": "string"})


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
        return "Predictions" if self.envelope else "PredictResult"

    @property
    def begun(self) -> str:
        """The name of the schema of a prediction that is fetched later."""
        return "PredictionId" if self.envelope else "LongPrediction"


def root_paths(base: str, root: RootApi, signatures: Sequence[Signature]) -> Iterable[Resource]:
    """Its resources; those of a model only if one is the default, or the only one."""
    model = next((signature for signature in signatures if signature.name == root.model), None)
    yield Resource(
        f"{base}/health",
        "get",
        "health",
        "Whether the server runs, for mlup's clients",
        "health",
        BORDER,
        {200: ("The server runs", JSON, "Health")},
    )
    if model is None:
        return
    yield Resource(
        f"{base}/info",
        "get",
        root.tag,
        "Information about the default model",
        "info",
        BORDER,
        {200: ("The model and the application", JSON, "Info")},
    )
    yield _predict(base, model, root)
    if root.is_long:
        yield _get_predict(base, root)


def predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction at the root that have shapes of its dialect."""
    answers: dict[int, Answer] = {
        status: (ERRORS[status].words, JSON, "PredictError")
        for status in (*OWN, 504 if root.envelope else 408)
    }
    answers[200] = ("The prediction, or its id", JSON, root.begun if root.is_long else root.answer)
    if not root.envelope:
        answers[408] = ("The prediction took too long", JSON, "PredictError")
        answers[429] = ("Too many requests or rows", JSON, "PredictError")
    return dict(sorted(answers.items()))


def _predict(base: str, model: Signature, root: RootApi) -> Resource:
    return Resource(
        f"{base}/predict",
        "post",
        root.tag,
        "Make a prediction of the default model",
        "predict",
        (),
        predict_answers(root),
        signature=model,
        operation=model.predict,
    )


def _get_predict(base: str, root: RootApi) -> Resource:
    answers: dict[int, Answer] = {
        200: ("The prediction", JSON, root.answer),
        408: ("It is not there yet, or no longer", JSON, "PredictError"),
        500: ("The prediction failed", JSON, "PredictError"),
    }
    return Resource(
        f"{base}/get-predict/{{predict_id}}",
        "get",
        root.tag,
        "The result of a prediction",
        "get_predict",
        MODEL,
        answers,
        plain=[PREDICT_ID],
    )
