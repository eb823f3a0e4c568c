"""The model at the root, as the documents list it: what a prediction answers there, by the dialect."""

from __future__ import annotations

from typing import NamedTuple

from modelport.api.documents.dialects import RootDocument, documents
from modelport.api.documents.resource import Answer
from modelport.api.documents.resources import ERRORS
from modelport.api.resources.described import name_of
from modelport.contract.signature import JSON

# The errors that have the dialect's shape: a prediction is answered in it from the first to the last.
OWN = (400, 402, 403, 406, 413, 415, 421, 422, 429, 500, 501, 503, 507)


class RootApi(NamedTuple):
    """Which model answers at the root, `None` for none, in which dialect, and whether its predictions are
    fetched later."""

    model: str | None
    dialect: str
    is_long: bool

    @property
    def spoken(self) -> RootDocument:
        """What the documents say of the dialect."""
        found = documents()[self.dialect].root
        assert found is not None  # it speaks here
        return found


def predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction at the root that have shapes of its dialect."""
    spoken = root.spoken
    errors = {status: ERRORS[status].words for status in OWN} | dict(spoken.statuses)
    answers: dict[int, Answer] = {
        status: (words, JSON, name_of(spoken.error)) for status, words in errors.items()
    }
    good = spoken.begun if root.is_long else spoken.answer
    answers[200] = ("The prediction, or its id", JSON, name_of(good))
    return dict(sorted(answers.items()))


def run_predict_answers(root: RootApi, *, enabled: bool) -> dict[int, Answer]:
    """The same for the version that a run has saved, which answers at once."""
    early = (402, 403, 421) if enabled else (200, 402, 403, 421)  # answered before it is the dialect's turn
    own = predict_answers(root._replace(is_long=False))
    return {status: answer for status, answer in own.items() if status not in early}


def get_predict_answers(root: RootApi) -> dict[int, Answer]:
    """The answers of a prediction that is fetched."""
    error = name_of(root.spoken.error)
    return {
        200: ("The prediction", JSON, name_of(root.spoken.answer)),
        408: ("It is not there yet, or no longer", JSON, error),
        500: ("The prediction failed", JSON, error),
    }
