"""What the server answers to V2's clients: the API itself, and each model with calls of its verbs.

DEEPaaS has these endpoints, too, and passes over what is sent besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from modelport.api.dialects import DialectServer, Parts
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL, STREAM_ENDED, STREAM_RULES
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, Handler, data
from modelport.api.endpoints.statuses import FOUND
from modelport.api.refusal_form import PROBLEM_DETAILS
from modelport.api.resources.server import ModelReady
from modelport.api.taken import Taken
from modelport.contract.signature import VerbName
from modelport.dialects.v2.server import bodies
from modelport.dialects.v2.server.calls import ModelCalls, direct_predictions
from modelport.dialects.v2.server.resources import Resources
from modelport.dialects.v2.server.trainings import Trainings

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers

ADMIN, OPEN, PREDICT = AccessScope.ADMIN, AccessScope.OPEN, AccessScope.PREDICT
READ, TRAIN = AccessScope.READ, AccessScope.TRAIN
TAG = "models"
NOT_IMPLEMENTED = (402, 404, 501, 503)
NOUNS = {"train": "training", "validate": "validation"}

PREDICT_MODEL = Endpoint(
    "POST", f"{MODEL}/predict/", lambda on: on.of(V2Server).calls.predict, PREDICT,
    TAG, "predict", "Make a prediction given the input data", calls="predict",
)  # fmt: skip


def _beginning(verb: VerbName, summary: str, handler: Callable[[Handlers], Handler]) -> Endpoint:
    noun = NOUNS[verb]
    return Endpoint(
        "POST", f"{MODEL}/{verb}/", handler, TRAIN,
        TAG, verb, f"{summary}; answers at once, the {noun} is a job that survives restarts",
        {200: data(f"The {noun}", bodies.Training)}, calls=verb, parameters=of.SUBMIT,
    )  # fmt: skip


def _trainings(verb: VerbName, theirs: Callable[[Handlers], Trainings]) -> Iterable[Endpoint]:
    """What has become of the calls of one verb that are jobs."""
    noun, path = NOUNS[verb], f"{MODEL}/{verb}/"
    one, answer = f"{path}{{uuid}}", {200: data(f"The {noun}", bodies.Training)}
    yield Endpoint(
        "GET", path, lambda on: theirs(on).list, READ,
        TAG, f"{verb}_list", f"List every {noun}",
        {200: data(f"The newest {noun}s, oldest first", bodies.TRAININGS)}, NOT_IMPLEMENTED,
        is_lenient=True, owned=True,
    )  # fmt: skip
    yield Endpoint(
        "GET", one, lambda on: theirs(on).show, READ,
        TAG, f"{verb}_get", f"How a {noun} is doing", answer, NOT_IMPLEMENTED,
        parameters=(of.TRAINING,), is_lenient=True, owned=True,
    )  # fmt: skip
    yield Endpoint(
        "DELETE", one, lambda on: theirs(on).cancel, TRAIN,
        TAG, f"{verb}_delete", f"Cancel a {noun}", answer, NOT_IMPLEMENTED,
        parameters=(of.TRAINING,), is_lenient=True, owned=True,
        action="jobs.cancel",
    )  # fmt: skip


class V2Server(DialectServer):
    """V2 in an application."""

    apart = frozenset({"v2"})
    rows = (
        Endpoint(
            "GET", "/", lambda on: on.of(V2Server).resources.versions, READ,
            "versions", "versions", "Get available API versions",
            {200: data("Get available API versions", bodies.Versions)}, is_lenient=True,
        ),
        Endpoint(
            "GET", "/v2/", lambda on: on.of(V2Server).resources.version, READ,
            "versions", "version", "Get V2 API version information",
            {200: data("Get V2 API version information", bodies.Version)}, is_lenient=True,
        ),
        Endpoint(
            "GET", "/v2/models/", lambda on: on.of(V2Server).resources.models, READ,
            TAG, "models", "Return loaded models and its information",
            {200: data("Return loaded models and its information", bodies.ModelList)},
            description="Every model of this server with its metadata.", is_lenient=True,
        ),
        Endpoint(
            "GET", "/v2/debug/", lambda on: on.of(V2Server).resources.debug, ADMIN,
            "debug", "debug", "Return debug information if enabled by API.",
            {
                200: Answer("Debug information if debug endpoint is enabled", media_type="text/plain"),
                204: Answer("Debug endpoint not enabled"),
            },
            is_lenient=True,
        ),
    )  # fmt: skip
    rows_of_models = (
        Endpoint(
            "GET", f"{MODEL}/", lambda on: on.of(V2Server).resources.model, READ,
            TAG, "metadata", "Return model's metadata",
            {200: data("Metadata of the model", bodies.ModelMeta)}, FOUND, is_lenient=True,
        ),
        Endpoint(
            "GET", f"{MODEL}/ready", lambda on: on.health.model_ready, OPEN,
            "health", "ready", "Whether the model can answer",
            {
                200: data("The model can answer", ModelReady),
                503: data("The model cannot answer", ModelReady),
            },
            FOUND, is_lenient=True, is_probe=True,
        ),
        PREDICT_MODEL,
        Endpoint(
            "GET", PREDICT_MODEL.path, PREDICT_MODEL.handler, PREDICT,
            TAG, "predict_stream", "Stream a prediction, for an EventSource", STREAM_ENDED,
            calls="predict", description=STREAM_RULES,
        ),
        _beginning("train", "Train the model", lambda on: on.of(V2Server).calls.train),
        *_trainings("train", lambda on: on.of(V2Server).trainings),
        _beginning("validate", "Validate the model", lambda on: on.of(V2Server).calls.validate),
        *_trainings("validate", lambda on: on.of(V2Server).validations),
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        calls = parts.calls
        self.resources = Resources(parts)
        self.calls = ModelCalls(calls.engine, calls, parts.answers)
        self.trainings = Trainings(calls.engine, parts.jobs, parts.listings, calls.settings, "train")
        self.validations = Trainings(calls.engine, parts.jobs, parts.listings, calls.settings, "validate")
        self._predict_paths = parts.paths_of_models(PREDICT_MODEL)

    def direct(self) -> Iterable[DirectDialect]:
        return (direct_predictions(self.parts.calls, self._predict_paths, PREDICT_MODEL.path),)

    def taken(self, path: str, method: str) -> Taken | None:
        model = self._predict_paths.get(path)
        if model is None or method != "POST" or not self.parts.calls.settings.predict_endpoint:
            return None
        return Taken(partial(self.calls.predict_now, model=model), PROBLEM_DETAILS, model, PREDICT_MODEL.path)


SERVER = V2Server
