"""What rows below a model share, and what a model is, as data."""

from __future__ import annotations

from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data
from modelport.api.endpoints.statuses import FOUND
from modelport.api.resources.models import ModelSignature

MODEL = "/v2/models/{model}"
STREAM_ENDED = {204: Answer("The stream that an EventSource asks for again has ended")}
STREAM_RULES = "The arguments stand in the query string. A stream of events ends with an event `end`."


def path_of_model(base_path: str, name: str) -> str:
    """Where a model stands on a server."""
    return base_path + MODEL.format(model=name)


OF_MODELS = (
    Endpoint(
        "GET", f"{MODEL}/signature", lambda on: on.signatures.get, AccessScope.READ,
        "models", "signature", "What a model takes and gives, as data: its arguments and answers",
        {200: data("The model's signature", ModelSignature)}, (*FOUND, 503),
    ),
)  # fmt: skip
