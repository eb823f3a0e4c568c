"""Streams both ways, below each model."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint
from modelport.problems import PROBLEM_JSON

RULES = (
    "The request of a WebSocket (RFC 6455). Arguments stand in the query string, and what is predicted in "
    "messages, binary or text, as the model's signature says. An empty message says that no more will come. "
    "What goes wrong is said in a last message, as problem details, and by a close code with these words."
)
OPENED = {
    101: Answer("The WebSocket is open"),
    426: Answer("It is no request of a WebSocket", media_type=PROBLEM_JSON),
}

STREAMS = (
    Endpoint(
        "GET", f"{MODEL}/stream", lambda on: on.streams.live, AccessScope.PREDICT,
        "models", "stream", "Stream both ways, by a WebSocket", OPENED, calls="stream", description=RULES,
    ),
    Endpoint(
        "GET", f"{MODEL}/versions/{{version}}/stream", lambda on: on.streams.by_version, AccessScope.PREDICT,
        "model versions", "version_stream", "Stream both ways by one version", OPENED,
        calls="stream", parameters=(of.VERSION,), description=RULES,
    ),
)  # fmt: skip
