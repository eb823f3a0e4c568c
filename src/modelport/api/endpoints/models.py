"""What rows below a model share."""

from __future__ import annotations

from modelport.api.endpoints.row import Answer

MODEL = "/v2/models/{model}"
STREAM_ENDED = {204: Answer("The stream that an EventSource asks for again has ended")}
STREAM_RULES = "The arguments stand in the query string. A stream of events ends with an event `end`."


def path_of_model(base_path: str, name: str) -> str:
    """Where a model stands on a server."""
    return base_path + MODEL.format(model=name)
