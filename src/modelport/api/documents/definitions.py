"""Named schemas of a document, gathered from several models.

A model's schemas point at `#/$defs/NAME`; two models may give one name to two things. A `Definitions`
belongs to a document and hands out names that are free; a `Scope` belongs to a model and knows what
its names mean. Only what is pointed at is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from modelport.api.documents.schemas import Schema, as_schema

MAX_DEPTH = 32  # of references that point at references; a longer chain is a circle
POINTER = re.compile(r"#/(?:\$defs|definitions|components/schemas)/([^/]+)")


class Definitions:
    """The named schemas of one document. `prefix` is where references point: `#/definitions/`."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.schemas: dict[str, Schema] = {}

    def free_name(self, wanted: str, owner: str) -> str:
        """`wanted` if it is free, else with the owner's name, else with a number too."""
        name = identifier(wanted)
        if name not in self.schemas:
            return name
        name = first = f"{name}_{identifier(owner)}"
        number = 2
        while name in self.schemas:
            name = f"{first}_{number}"
            number += 1
        return name


class Scope:
    """What the names in one model's schemas mean, and how its schemas are written in the document."""

    def __init__(
        self,
        definitions: Definitions,
        owner: str,
        local: Mapping[str, Any],
        convert: Callable[[Any, Scope], Schema],
        outer: Scope | None = None,
    ):
        self.definitions = definitions
        self.owner = owner
        self.local = local
        self.outer = outer
        self._convert = convert
        self._names: dict[str, str] = {}

    def convert(self, schema: Any) -> Schema:
        """A schema as the document writes it, its references pointing into the document."""
        return self._convert(schema, self.inside(schema))

    def inside(self, schema: Any) -> Scope:
        """The scope within a schema: pydantic puts `$defs` of its own into one."""
        found = as_schema(schema)
        local = {} if isinstance(found, bool) else as_schema(found.get("$defs"))
        if isinstance(local, bool) or not local:
            return self
        return Scope(self.definitions, self.owner, local, self._convert, self)

    def reference(self, pointer: str) -> str | None:
        """Where a pointer of the model points in the document; `None` if it points at nothing.

        References that point at each other in a circle point at nothing: whoever follows one never ends.
        """
        name = _target(pointer)
        if name is None or self.resolved({"$ref": pointer})[0] == {}:
            return None
        if name not in self.local:
            return self.outer.reference(pointer) if self.outer else None
        if name not in self._names:
            own = self.definitions.free_name(name, self.owner)
            self._names[name] = own
            self.definitions.schemas[own] = {}  # taken before the walk: a definition may point at itself
            self.definitions.schemas[own] = self.convert(self.local[name])
        return self.definitions.prefix + self._names[name]

    def resolved(self, schema: Any) -> tuple[Schema | bool, Scope]:
        """The schema that stands at the end of `$ref`s, with the words of the places passed on the way."""
        found, scope, words = as_schema(schema), self.inside(schema), dict[str, Any]()
        for _ in range(MAX_DEPTH):
            if isinstance(found, bool) or "$ref" not in found:
                break
            words = {k: v for k, v in found.items() if k != "$ref"} | words
            found, scope = scope.target(str(found["$ref"]))
        else:
            found = {}
        return (found, scope) if isinstance(found, bool) else (found | words, scope)

    def target(self, pointer: str) -> tuple[Schema | bool, Scope]:
        """What a pointer of the model points at, and the scope to read it in."""
        name = _target(pointer)
        if name is None:
            return {}, self
        if name in self.local:
            return as_schema(self.local[name]), self.inside(self.local[name])
        return self.outer.target(pointer) if self.outer else ({}, self)


def identifier(text: str) -> str:
    """`text` with nothing that a component name or an operation id may not have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text) or "_"


def _target(pointer: str) -> str | None:
    match = POINTER.fullmatch(pointer)
    return unquote(match[1]).replace("~1", "/").replace("~0", "~") if match else None
