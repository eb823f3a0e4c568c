"""The JSON Schemas of the server's own resources, made from the types of their bodies and answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from modelport.api.documents.dialects import documents
from modelport.api.documents.schemas import Schema
from modelport.api.endpoints.table import ENDPOINTS
from modelport.api.resources.described import Named, name_of
from modelport.api.resources.server import Failure


def own_schemas() -> dict[str, Schema]:
    """The named schemas of everything in the table of endpoints, and of what stands in no row."""
    answers = (answer.type for row in ENDPOINTS for answer in row.answers.values())
    bodies = (row.body for row in ENDPOINTS)
    others = (kind for document in documents().values() for kind in document.types)
    return schemas_of(kind for kind in (*answers, *bodies, Failure, *others) if kind is not None)


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
