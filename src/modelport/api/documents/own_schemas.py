"""The JSON Schemas of the server's own resources, made from the types of their bodies and answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from modelport.api.documents.schemas import Schema
from modelport.api.endpoints import ENDPOINTS
from modelport.api.resources.described import Named
from modelport.api.resources.mlup import LongPrediction, PredictError, PredictResult
from modelport.api.resources.server import Failure

# Of errors, and of predictions at the root, which are no answers of a row.
OTHERS = (Failure, PredictResult, LongPrediction, PredictError)


def name_of(kind: Any) -> str:
    """The name of a type in the documents."""
    return kind.name if isinstance(kind, Named) else kind.__name__


def own_schemas() -> dict[str, Schema]:
    """The named schemas of everything in the table of endpoints."""
    answers = (answer.type for row in ENDPOINTS for answer in row.answers.values())
    bodies = (row.body for row in ENDPOINTS)
    return schemas_of(kind for kind in (*answers, *bodies, *OTHERS) if kind is not None)


def schemas_of(kinds: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these types and of those within them, by name; references point to `#/$defs/NAME`."""
    named = {name_of(kind): kind.types if isinstance(kind, Named) else (kind,) for kind in kinds}
    types = [one for several in named.values() for one in several]
    found, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    schemas = iter(found)
    for name, several in named.items():
        choices = [next(schemas) for _ in several]
        if name not in components:
            components[name] = {"anyOf": choices} if len(choices) > 1 else choices[0]
    return {name: _without_null_defaults(schema) for name, schema in components.items()}


def _without_null_defaults(schema: Schema) -> Schema:
    """A schema of a struct that does not say null of what may be left out, as any reader knows.

    Swagger has no null, so it could not be a default there.
    """
    fields: dict[str, Schema] = schema.get("properties", {})
    kept = {
        name: {key: value for key, value in field.items() if key != "default" or value is not None}
        for name, field in fields.items()
    }
    return schema | {"properties": kept} if kept else schema
