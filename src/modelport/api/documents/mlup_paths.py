"""The mlup API at the root, as the documents list it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modelport.api.documents.resource import Answer, Plain, Resource
from modelport.api.documents.resources import BORDER
from modelport.contract.signature import JSON, Signature

OWN = (408, 500)  # whose errors have mlup's shape
ERRORS = tuple(status for status in BORDER if status not in OWN)
PREDICT_ID = Plain("predict_id", "path", "What /predict answered", {"type": "string"})


class RootApi(NamedTuple):
    """Which model answers at the root, `None` for none, and whether its predictions are fetched later."""

    model: str | None
    is_long: bool


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
        "mlup",
        "Information about the default model",
        "info",
        BORDER,
        {200: ("The model and the application", JSON, "Info")},
    )
    yield _predict(base, model, root)
    if root.is_long:
        yield _get_predict(base)


def predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction at the root that have shapes of mlup."""
    return {
        200: ("The prediction, or its id", JSON, "LongPrediction" if root.is_long else "PredictResult"),
        408: ("The prediction took too long", JSON, "PredictError"),
        422: ("Arguments are missing or do not fit", JSON, "PredictError"),
        429: ("Too many requests or rows", JSON, "PredictError"),
        500: ("The prediction failed", JSON, "PredictError"),
    }


def _predict(base: str, model: Signature, root: RootApi) -> Resource:
    return Resource(
        f"{base}/predict",
        "post",
        "mlup",
        "Make a prediction of the default model",
        "predict",
        ERRORS,
        predict_answers(root),
        signature=model,
        operation=model.predict,
    )


def _get_predict(base: str) -> Resource:
    answers: dict[int, Answer] = {
        200: ("The prediction", JSON, "PredictResult"),
        408: ("It is not there yet, or no longer", JSON, "PredictError"),
        500: ("The prediction failed", JSON, "PredictError"),
    }
    return Resource(
        f"{base}/get-predict/{{predict_id}}",
        "get",
        "mlup",
        "The result of a prediction",
        "get_predict",
        ERRORS,
        answers,
        plain=[PREDICT_ID],
    )
