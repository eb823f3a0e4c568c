"""What a model takes, as the server's OpenAPI document says it: each argument's JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

SERVERS_OWN = frozenset({"accept"})
Schema = dict[str, Any]


@dataclass(frozen=True)
class Taken:
    """The arguments of one method of a model, by name; empty where nothing is known of it."""

    schemas: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    required: frozenset[str] = frozenset()

    def schema(self, name: str) -> Schema:
        """That of an argument; `{}` for one that is not known, which may be anything."""
        return self.schemas.get(name, {})

    def only(self, wanted: Callable[[Schema], bool] | None, given: Mapping[str, Any]) -> str:
        """The one argument that a value without a name is for. Raises `ValueError` naming those there are."""
        free = [name for name in self.schemas if name not in given and name not in SERVERS_OWN]
        fitting = [name for name in free if wanted is not None and wanted(self.schemas[name])]
        for names in (fitting, free):
            must = [name for name in names if name in self.required]
            for found in (must, names):
                if len(found) == 1:
                    return found[0]
        raise ValueError(
            "say which argument this is, as NAME=…: "
            + (f"the model takes {', '.join(free)}" if free else "what the model takes is not known")
        )


def taken_of(document: Mapping[str, Any], path: str) -> Taken | None:
    """What a `POST` to this path takes; `None` for a path that the document does not have (yet)."""
    wanted = unquote(path)
    for each, methods in document.get("paths", {}).items():
        if unquote(each).endswith(wanted) and "post" in methods:
            return _taken(document, methods["post"])
    return None


def _taken(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Taken:
    schemas: dict[str, Schema] = {}
    required: set[str] = set()
    contents: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    for content in contents.values():
        body = resolved(content.get("schema", {}), document)
        for name, schema in body.get("properties", {}).items():
            schemas.setdefault(name, _inlined(schema, document))
        required.update(body.get("required", ()))
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "query":
            schemas.setdefault(parameter["name"], _inlined(parameter.get("schema", {}), document))
    return Taken(schemas, frozenset(required))


def resolved(schema: Any, document: Mapping[str, Any]) -> Schema:
    """A schema, or the one that it refers to."""
    if not isinstance(schema, dict):
        return {}
    known = cast("Schema", schema)
    reference = str(known.get("$ref", ""))
    if not reference.startswith("#/"):
        return known
    found: Any = document
    for step in reference[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~"), {})
    return cast("Schema", found)


def _inlined(schema: Any, document: Mapping[str, Any]) -> Schema:
    """A schema whose outer layers (alternatives, items) refer to nothing: deeper ones are not looked at."""
    known = dict(resolved(schema, document))
    for word in ("anyOf", "oneOf", "allOf"):
        if word in known:
            known[word] = [_with_items(each, document) for each in known[word]]
    return _with_items(known, document)


def _with_items(schema: Any, document: Mapping[str, Any]) -> Schema:
    known = dict(resolved(schema, document))
    if "items" in known:
        known["items"] = dict(resolved(known["items"], document))
        for word in ("anyOf", "oneOf"):
            if word in known["items"]:
                known["items"][word] = [resolved(each, document) for each in known["items"][word]]
    return known


def alternatives(schema: Schema) -> Iterator[Schema]:
    """The schema itself, or those of which it may be any."""
    found: list[Schema] = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    yield from found or [schema]


def takes_file(schema: Schema) -> bool:
    """True for an argument that is an upload, or a list of them."""
    return any(
        part.get("format") == "binary" or part.get("contentEncoding") == "base64"
        for each in alternatives(schema)
        for part in (each, each.get("items", {}))
    )


def takes_table(schema: Schema) -> bool:
    """True for the rows of a model, or a `modelport.Table`."""
    return schema.get("format") == "table"


def columns_of(schema: Schema) -> list[str]:
    """The names of a table's columns, where the model knows them."""
    for row in alternatives(schema.get("items", {})):
        if names := list(row.get("properties", {})):
            return names
    return []
