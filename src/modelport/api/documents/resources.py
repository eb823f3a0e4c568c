"""The fixed part of both documents: what the server's own resources and errors look like.

Written once, as JSON Schema 2020-12; `swagger.py` converts it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from modelport.api.documents.mlup_schemas import mlup_schemas
from modelport.api.documents.run_schemas import run_schemas
from modelport.api.documents.schemas import Schema
from modelport.jobs.records import KINDS
from modelport.jobs.states import State

PROBLEM = "application/problem+json"
TITLE = "modelport"
# The groups of the operations, in the order of the pages.
TAGS = {
    "models": "The models: what they are, predictions, trainings and validations",
    "mlup": "The default model, as clients of mlup ask for it",
    "lesson": "The default model, as clients of the Made-With-ML lesson ask for it",
    "runs": "What was trained, with which parameters, and how good it is",
    "model versions": "The versions of models, and which of them is live",
    "jobs": "Long work, and what has become of it",
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
        ErrorAnswer(402, "EndpointDisabled", "This endpoint is disabled on this server."),
        ErrorAnswer(403, "ForeignOrigin", "A web page of another origin calls, which may not."),
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
            "As many jobs wait, or connections are open, as may. Try again later.",
            {"Retry-After": ("Seconds to wait.", SECONDS_SCHEMA)},
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
FOREIGN_NAME, FOREIGN_PAGE = 421, 403  # the second only for what may change something
# What any resource may answer: these come from the server's border, before anything is looked up.
BORDER = (400, 405, 406, 408, 414, 431, 500)
MODEL = tuple(sorted((*BORDER, 404)))
CALL = tuple(sorted((*MODEL, 413, 415, 422, 429, 501, 503, 504, 507)))
JOB = tuple(sorted((*MODEL, 422, 503)))
DISABLED = tuple(sorted((*MODEL, 402, 413)))


def fixed_schemas(*, stringify: bool) -> dict[str, Schema]:
    """The named schemas that every document holds. `stringify`: predictions are sent as one string."""
    return {
        "Location": _LOCATION,
        "Version": _VERSION,
        "Versions": _VERSIONS,
        "ModelMeta": _MODEL_META,
        "ModelList": _MODEL_LIST,
        "Prediction": _prediction(stringify),
        "Failure": _FAILURE,
        "ArgumentErrors": _ARGUMENT_ERRORS,
        "Live": _LIVE,
        "Ready": _READY,
        "ModelReady": _MODEL_READY,
        "Training": _TRAINING,
        "Trainings": _array_of("Training"),
        "Job": _JOB,
        "Jobs": _JOBS,
        "Metrics": _METRICS,
        "Artifacts": _ARTIFACTS,
        **run_schemas(),
        **mlup_schemas(),
    }


def described_tags(used: Iterable[str]) -> list[dict[str, str]]:
    """The groups that are in use, with what belongs to each."""
    found = set(used)
    return [{"name": name, "description": words} for name, words in TAGS.items() if name in found]


def wrapped(answer: Schema) -> Schema:
    """The envelope of an answer that does not describe its own."""
    return {
        "type": "object",
        "properties": {
            "status": {"type": "string", "description": "Response status message"},
            "predictions": answer,
        },
        "required": ["status", "predictions"],
    }


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _array_of(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _text(words: str, *, nullable: bool = False) -> Schema:
    return {"type": ["string", "null"] if nullable else "string", "description": words}


def _prediction(stringify: bool) -> Schema:
    if stringify:
        return wrapped(_text("String containing predictions"))
    return wrapped({"description": "Whatever the model answered, as JSON"})


_LOCATION = _object(
    ["rel", "href"],
    rel={"type": "string"},
    href={"type": "string", "format": "uri-reference"},
    type={"type": "string"},
)
_VERSION = _object(
    ["id", "version"],
    id={"type": "string"},
    version={"type": "string"},
    type={"type": "string"},
    links=_array_of("Location"),
    name=_text("Server name"),
    extensions={"type": "array", "items": {"type": "string"}, "description": "Protocol extensions"},
)
_VERSIONS = _object(["versions"], versions=_array_of("Version"), links=_array_of("Location"))
_MODEL_META = _object(
    ["id", "name"],
    id=_text("Model identifier"),
    name=_text("Model name"),
    description=_text("Model description", nullable=True),
    license=_text("Model license", nullable=True),
    author={"description": "Model author"},
    version=_text("Model version", nullable=True),
    url=_text("Model url", nullable=True),
    links=_array_of("Location"),
)
_MODEL_LIST = _object(["models"], models=_array_of("ModelMeta"))
_FAILURE: dict[str, Any] = {
    "description": "What went wrong (problem details, RFC 9457).",
    **_object(
        ["title", "status"],
        type=_text("URI reference of the kind of problem"),
        title=_text("The kind of problem"),
        status={"type": "integer", "description": "The HTTP status"},
        detail=_text("What happened this time"),
        request_id=_text("The request, as the server's log names it"),
    ),
}
_ARGUMENT_ERRORS: Schema = {
    "type": "object",
    "description": "Arguments and what is wrong with each; for a list, by the index of the item.",
    "additionalProperties": {
        "anyOf": [{"type": "array", "items": {"type": "string"}}, {"$ref": "#/$defs/ArgumentErrors"}]
    },
}
_LIVE = _object(["live"], live={"type": "boolean"})
_MODEL_READY = _object(["name", "ready"], name={"type": "string"}, ready={"type": "boolean"})
_READY = _object(
    ["ready"],
    ready={"type": "boolean"},
    models={"type": "object", "description": "The state of each model.", "additionalProperties": {}},
)

_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Schema = {"type": ["number", "null"]}
_ARGUMENTS: Schema = {
    "type": "object",
    "description": "The arguments; files by name and media type",
    "additionalProperties": {},
}
_TRAINING = _object(
    ["uuid", "date", "args", "status"],
    uuid=_text("Its id, also among the jobs"),
    date=_text("When it was asked for, in the server's local time"),
    args=_ARGUMENTS,
    status={"type": "string", "enum": ["running", "done", "error", "cancelled"]},
    result=_object(
        [],
        output={"description": "What the function returned"},
        finish_date={"type": "string"},
        duration={"type": "string"},
    ),
    message=_text("What went wrong"),
)
_JOB = _object(
    ["id", "kind", "model", "state"],
    id={"type": "string"},
    kind={"type": "string", "enum": list(KINDS)},
    model={"type": "string"},
    model_version={"type": "string"},
    state={"type": "string", "enum": list(State)},
    attempt={"type": "integer"},
    max_attempts={"type": "integer"},
    priority={"type": "integer"},
    arguments=_ARGUMENTS,
    requested_by={"type": "string"},
    cancel_requested={"type": "boolean"},
    revision={"type": "integer", "description": "Rises with each change"},
    created_at=_TIME,
    started_at=_TIME,
    finished_at=_TIME,
    duration={"type": ["number", "null"], "description": "Seconds that it ran"},
    progress={
        "type": ["object", "null"],
        "properties": {"done": _NUMBER, "total": _NUMBER, "message": {"type": "string"}},
    },
    status={
        "type": ["integer", "null"],
        "description": "HTTP status of the model's answer, once it has ended",
    },
    reason=_text("The words that go with the status", nullable=True),
    error=_text("What went wrong", nullable=True),
    ended_by=_text("What its end took, such as return, exception, SIGTERM", nullable=True),
    links={"type": "object", "additionalProperties": {"type": "string"}},
)
_JOBS = _object(
    ["jobs", "next_cursor"], jobs=_array_of("Job"), next_cursor=_text("For the next page", nullable=True)
)
_POINT = _object(["value"], step=_NUMBER, value=_NUMBER, at=_TIME)
_METRICS = _object(
    ["metrics", "next_cursor"],
    next_cursor={
        "type": ["integer", "null"],
        "description": "The `cursor` of the next page; null on the last one",
    },
    metrics={"type": "object", "additionalProperties": {"type": "array", "items": _POINT}},
)
_ARTIFACTS = _object(
    ["artifacts"],
    artifacts={
        "type": "array",
        "items": _object(
            ["name", "size", "href"],
            name={"type": "string"},
            size={"type": "integer", "description": "Bytes"},
            href={"type": "string"},
        ),
    },
)
