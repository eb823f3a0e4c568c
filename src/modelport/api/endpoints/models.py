"""One model: what it is, and calls of its verbs. DEEPaaS has these endpoints, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, Handler, data
from modelport.api.endpoints.statuses import FOUND
from modelport.api.resources.jobs import TRAININGS, Training
from modelport.api.resources.server import ModelMeta, ModelReady
from modelport.contract.signature import VerbName

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers
    from modelport.api.training import Trainings

OPEN, PREDICT, READ, TRAIN = AccessScope.OPEN, AccessScope.PREDICT, AccessScope.READ, AccessScope.TRAIN
MODEL = "/v2/models/{model}"
TAG = "models"
NOT_IMPLEMENTED = (402, 404, 501, 503)
NOUNS = {"train": "training", "validate": "validation"}
STREAM_ENDED = {204: Answer("The stream that an EventSource asks for again has ended")}
STREAM_RULES = "The arguments stand in the query string. A stream of events ends with an event `end`."

PREDICT_MODEL = Endpoint(
    "POST", f"{MODEL}/predict/", lambda on: on.calls.predict, PREDICT,
    TAG, "predict", "Make a prediction given the input data", calls="predict",
)  # fmt: skip


def _beginning(verb: VerbName, summary: str, handler: Callable[[Handlers], Handler]) -> Endpoint:
    noun = NOUNS[verb]
    return Endpoint(
        "POST", f"{MODEL}/{verb}/", handler, TRAIN,
        TAG, verb, f"{summary}; answers at once, the {noun} is a job that survives restarts",
        {200: data(f"The {noun}", Training)}, calls=verb, parameters=of.SUBMIT,
    )  # fmt: skip


def _trainings(verb: VerbName, theirs: Callable[[Handlers], Trainings]) -> Iterable[Endpoint]:
    """What has become of the calls of one verb that are jobs."""
    noun, path = NOUNS[verb], f"{MODEL}/{verb}/"
    one, answer = f"{path}{{uuid}}", {200: data(f"The {noun}", Training)}
    yield Endpoint(
        "GET", path, lambda on: theirs(on).list, READ,
        TAG, f"{verb}_list", f"List every {noun}",
        {200: data(f"The newest {noun}s, oldest first", TRAININGS)}, NOT_IMPLEMENTED, is_lenient=True,
    )  # fmt: skip
    yield Endpoint(
        "GET", one, lambda on: theirs(on).show, READ,
        TAG, f"{verb}_get", f"How a {noun} is doing", answer, NOT_IMPLEMENTED,
        parameters=(of.TRAINING,), is_lenient=True,
    )  # fmt: skip
    yield Endpoint(
        "DELETE", one, lambda on: theirs(on).cancel, TRAIN,
        TAG, f"{verb}_delete", f"Cancel a {noun}", answer, NOT_IMPLEMENTED,
        parameters=(of.TRAINING,), is_lenient=True,
    )  # fmt: skip


MODELS = (
    Endpoint(
        "GET", f"{MODEL}/", lambda on: on.v2.model, READ,
        TAG, "metadata", "Return model's metadata",
        {200: data("Metadata of the model", ModelMeta)}, FOUND, is_lenient=True,
    ),
    Endpoint(
        "GET", f"{MODEL}/ready", lambda on: on.health.model_ready, OPEN,
        "health", "ready", "Whether the model can answer",
        {200: data("The model can answer", ModelReady), 503: data("The model cannot answer", ModelReady)},
        FOUND, is_lenient=True,
    ),
    PREDICT_MODEL,
    Endpoint(
        "GET", PREDICT_MODEL.path, PREDICT_MODEL.handler, PREDICT,
        TAG, "predict_stream", "Stream a prediction, for an EventSource", STREAM_ENDED,
        calls="predict", description=STREAM_RULES,
    ),
    _beginning("train", "Train the model", lambda on: on.calls.train),
    *_trainings("train", lambda on: on.trainings),
    _beginning("validate", "Validate the model", lambda on: on.calls.validate),
    *_trainings("validate", lambda on: on.validations),
)  # fmt: skip
