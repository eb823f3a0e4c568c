"""The fixed part of both documents: groups, errors and named schemas.

Schemas are JSON Schema 2020-12; `swagger.py` converts them down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from modelport.api.documents.dialects import calls_document, documents
from modelport.api.documents.own_schemas import own_schemas
from modelport.api.documents.schemas import Schema

TITLE = "modelport"
# The groups of the operations, in the order of the pages. Before them come those of dialects.
TAGS = {
    "runs": "What was trained, with which parameters, and how good it is",
    "model versions": "The versions of models, and which of them is live",
    "repository": "Which models are in memory",
    "jobs": "Long work, and what has become of it",
    "monitoring": "How inputs and answers have drifted, and how right answers were",
    "identity": "Keys: who may come in, and what was done by whom",
    "health": "Whether the server and its models can answer",
    "versions": "Which versions of the API there are",
    "debug": "What the models have printed",
}
DESCRIPTION = "Models served over the DEEPaaS V2 API."
SECONDS_SCHEMA: Schema = {"type": "integer", "minimum": 0}


class ErrorAnswer(NamedTuple):
    """One error as the documents tell it. `headers` maps a name to its words and its schema."""

    status: int
    name: str
    words: str
    headers: Mapping[str, tuple[str, Schema]] = MappingProxyType({})


ERRORS = {
    error.status: error
    for error in (
        ErrorAnswer(400, "BadRequest", "The request cannot be read: malformed HTTP, JSON or multipart."),
        ErrorAnswer(
            401,
            "Unauthorized",
            "It is not known who asks: send a key.",
            {"WWW-Authenticate": ("How to say who one is.", {"type": "string"})},
        ),
        ErrorAnswer(402, "EndpointDisabled", "This endpoint is disabled on this server."),
        ErrorAnswer(403, "Forbidden", "Who asks, or the web page by which they do, may not."),
        ErrorAnswer(404, "NotFound", "There is no such resource."),
        ErrorAnswer(
            405,
            "MethodNotAllowed",
            "The resource does not take this method.",
            {"Allow": ("The methods that it takes.", {"type": "string"})},
        ),
        ErrorAnswer(406, "NotAcceptable", "Nothing that can be answered is acceptable to the client."),
        ErrorAnswer(408, "RequestTimeout", "The request did not arrive in time."),
        ErrorAnswer(409, "Conflict", "The state of what this is about does not allow it; `detail` says why."),
        ErrorAnswer(413, "ContentTooLarge", "The body is larger than the server takes."),
        ErrorAnswer(414, "URITooLong", "The request line is longer than the server takes."),
        ErrorAnswer(415, "UnsupportedMediaType", "The body's type or encoding is not supported."),
        ErrorAnswer(
            416,
            "RangeNotSatisfiable",
            "The ranges begin behind the end of the file.",
            {"Content-Range": ("How long it is.", {"type": "string"})},
        ),
        ErrorAnswer(417, "ExpectationFailed", "Another Expect than 100-continue was sent."),
        ErrorAnswer(421, "MisdirectedRequest", "The Host names another server."),
        ErrorAnswer(422, "InvalidArguments", "Arguments are missing or do not fit; the body says which."),
        ErrorAnswer(
            429,
            "TooMany",
            "Who asks, or their address, has used what they may; or as many jobs wait, or connections are "
            "open, as may. Try again later.",
            {
                "Retry-After": ("Seconds to wait.", SECONDS_SCHEMA),
                "RateLimit-Policy": ("What may be used, and in how many seconds.", {"type": "string"}),
                "RateLimit": ("What is left of it, and when it is whole again.", {"type": "string"}),
            },
        ),
        ErrorAnswer(431, "HeadersTooLarge", "The headers are larger than the server takes."),
        ErrorAnswer(500, "InternalError", "The model or the server failed."),
        ErrorAnswer(501, "NotImplemented", "The model does not implement this."),
        ErrorAnswer(
            503,
            "Unavailable",
            "The queue or the server is full, or the model is not ready. Try again later.",
            {"Retry-After": ("Seconds to wait.", SECONDS_SCHEMA)},
        ),
        ErrorAnswer(504, "DeadlineExceeded", "The answer was not ready by the deadline."),
        ErrorAnswer(507, "InsufficientStorage", "The server's disk has no room for this."),
    )
}

# What any connection may be answered, before it is known what is asked for: always a problem. A client that
# does not speak HTTP/1.1 (505) reads no document.
CONNECTION = (400, 405, 408, 414, 417, 429, 431, 500, 503)
UNKNOWN, FORBIDDEN, FOREIGN_NAME = 401, 403, 421


def fixed_schemas(*, stringify: bool) -> dict[str, Schema]:
    """The named schemas that every document holds. `stringify`: predictions are sent as one string."""
    return own_schemas() | calls_document().schemas(stringify)


def described_tags(used: Iterable[str]) -> list[dict[str, str]]:
    """The groups that are in use, with what belongs to each."""
    found = set(used)
    of_dialects = chain.from_iterable(document.tags.items() for document in documents().values())
    return [
        {"name": name, "description": words} for name, words in (*of_dialects, *TAGS.items()) if name in found
    ]
