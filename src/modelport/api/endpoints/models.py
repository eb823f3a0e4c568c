"""What rows below a model share, and what a model is, as data."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data
from modelport.api.endpoints.statuses import FOUND
from modelport.api.resources.models import ModelSignature

MODEL = "/v2/models/{model}"
STREAM_ENDED = {204: Answer("The stream that an EventSource asks for again has ended")}
STREAM_RULES = "The arguments stand in the query string. A stream of events ends with an event `end`."

FOLLOWED_LOG = (
    "By `Accept: text/event-stream` it is followed: events `lines`, each with some of them, and what is "
    "known of them. An id repeated by `Last-Event-ID` goes on after it."
)


def path_of_model(base_path: str, name: str) -> str:
    """Where a model stands on a server."""
    return base_path + MODEL.format(model=name)


OF_MODELS = (
    Endpoint(
        "GET", f"{MODEL}/signature", lambda on: on.signatures.get, AccessScope.READ,
        "models", "signature", "What a model takes and gives, as data: its arguments and answers",
        {200: data("The model's signature", ModelSignature)}, (*FOUND, 503),
    ),
    Endpoint(
        "GET", f"{MODEL}/log", lambda on: on.model_logs.get, AccessScope.ADMIN,
        "models", "model_log", "The last lines that a model's processes printed",
        {200: Answer("Lines", media_type="text/plain", others=("text/event-stream",))}, FOUND,
        parameters=of.OF_MODEL_LOG, description=FOLLOWED_LOG,
    ),
)  # fmt: skip
