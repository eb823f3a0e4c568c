"""What the API documents say of V2: the models, each by its name, and what is around their answers."""

from __future__ import annotations

from modelport.api.documents.dialects import CallsDocument, DialectDocument
from modelport.api.documents.schemas import Schema


def _wrapped(answer: Schema) -> Schema:
    """The envelope of an answer that does not describe its own."""
    return {
        "type": "object",
        "properties": {
            "status": {"type": "string", "description": "Response status message"},
            "predictions": answer,
        },
        "required": ["status", "predictions"],
    }


def _schemas(stringify: bool) -> dict[str, Schema]:
    return {"Prediction": _prediction(stringify), "ArgumentErrors": _ARGUMENT_ERRORS}


def _prediction(stringify: bool) -> Schema:
    if stringify:
        return _wrapped({"type": "string", "description": "String containing predictions"})
    return _wrapped({"description": "Whatever the model answered, as JSON"})


_ARGUMENT_ERRORS: Schema = {
    "type": "object",
    "description": "Arguments and what is wrong with each; for a list, by the index of the item.",
    "additionalProperties": {
        "anyOf": [{"type": "array", "items": {"type": "string"}}, {"$ref": "#/$defs/ArgumentErrors"}]
    },
}

DOCUMENT = DialectDocument(
    {"models": "The models: what they are, predictions, trainings and validations"},
    calls=CallsDocument(_wrapped, _schemas),
)
