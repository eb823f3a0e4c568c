"""What the API documents say of the lesson: the resources at the root, with its envelope around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelport.api.documents.dialects import DialectDocument, RootDocument
from modelport.api.documents.own_schemas import schemas_of
from modelport.api.documents.resource import Answer, Resource
from modelport.api.documents.resources import ERRORS
from modelport.api.documents.schemas import Schema
from modelport.api.resources.server import Failure
from modelport.contract.signature import JSON
from modelport.dialects.lesson.bodies import PredictionId, Predictions
from modelport.dialects.lesson.enveloped import apart, first_part
from modelport.problems import PROBLEM_JSON

SUFFIX = "Envelope"
ERROR = f"Error{SUFFIX}"
EARLY = (408, 414, 417, 431)  # answered before it is known what is asked for: these have no envelope
_TEXT: Schema = {"type": "string"}
_ENVELOPE: dict[str, Schema] = {
    "message": {**_TEXT, "description": "The phrase of the status"},
    "method": _TEXT,
    "status-code": {"type": "integer"},
    "timestamp": {**_TEXT, "description": "The server's local time, ISO 8601"},
    "url": {**_TEXT, "description": "As the client wrote it"},
}
_DETAIL: Schema = {
    "type": "object",
    "properties": {
        "loc": {"type": "array", "items": {}, "description": "Where: body or query, an argument, an index"},
        "msg": _TEXT,
        "type": _TEXT,
        "ctx": {"type": "object", "description": "What goes with it, such as a limit"},
    },
    "required": ["loc", "msg", "type"],
}


def _with_envelopes(resources: Iterable[Resource], base: str) -> list[Resource]:
    """The resources, with the envelope around what those at the root answer."""
    return [_enveloped(one) if _is_at_root(one.path, base) else one for one in resources]


def _envelope_schemas(resources: Sequence[Resource]) -> dict[str, Schema]:
    """The named schemas that these resources need besides those of their data."""
    names = [name for one in resources for _, _, name in one.answers.values() if name is not None]
    wanted = {name for name in names if name.endswith(SUFFIX)}
    if not wanted:
        return {}
    data = sorted(wanted - {ERROR})
    return (
        schemas_of((Predictions, PredictionId))
        | {ERROR: _error()}
        | {name: _around(name.removesuffix(SUFFIX)) for name in data}
    )


def _is_at_root(path: str, base: str) -> bool:
    return first_part(path.removeprefix(base) or "/") not in apart()


def _enveloped(resource: Resource) -> Resource:
    answers = {
        status: _answer(status, answer) if answer[1] in (JSON, PROBLEM_JSON) else answer
        for status, answer in resource.answers.items()
    }
    for status in resource.errors:
        if status not in EARLY:
            answers.setdefault(status, (ERRORS[status].words, JSON, ERROR))
    early = [status for status in resource.errors if status in EARLY and status not in answers]
    return resource._replace(answers=answers, errors=early)


def _answer(status: int, answer: Answer) -> Answer:
    words, _, name = answer
    return words, JSON, ERROR if status >= 400 else f"{name}{SUFFIX}"


def _around(name: str) -> Schema:
    properties = _ENVELOPE | {"data": {"$ref": f"#/$defs/{name}"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _error() -> Schema:
    detail: Schema = {
        "description": "What went wrong; of a validation, each error",
        "anyOf": [_TEXT, {"type": "array", "items": _DETAIL}],
    }
    properties = _ENVELOPE | {"detail": detail}
    return {"type": "object", "properties": properties, "required": list(properties)}


DOCUMENT = DialectDocument(
    {"lesson": "The default model, as clients of the Made-With-ML lesson ask for it"},
    root=RootDocument(
        "lesson",
        Predictions,
        PredictionId,
        Failure,  # or whatever else: errors have the envelope's shape
        {504: ERRORS[504].words},
        _with_envelopes,
        _envelope_schemas,
    ),
)
