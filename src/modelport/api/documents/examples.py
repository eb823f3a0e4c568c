"""What a request could look like, put together from the examples in the schemas of its arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from modelport.api.documents.definitions import Scope
from modelport.api.documents.schemas import plain
from modelport.contract.signature import Argument

NONE: Any = object()  # no example; null may be one
MAX_DEPTH = 8  # of what is looked through: schemas may hold themselves


def body_example(arguments: Iterable[Argument], scope: Scope) -> dict[str, Any] | None:
    """A body that holds every argument with an example; `None` if there are none, or one is missing."""
    found: dict[str, Any] = {}
    for argument in arguments:
        example = _example(argument.schema, scope)
        if example is not NONE:
            found[argument.name] = example
        elif argument.required:
            return None
    return found or None


def _example(schema: Any, scope: Scope, depth: int = 0) -> Any:
    resolved, inner = scope.resolved(schema)
    if isinstance(resolved, bool) or depth > MAX_DEPTH:
        return NONE
    if "example" in resolved:
        return plain(resolved["example"])
    examples: Any = resolved.get("examples")
    if isinstance(examples, list) and examples:
        return plain(cast("list[Any]", examples)[0])
    if resolved.get("type") == "array":
        item = _example(resolved.get("items", {}), inner, depth + 1)
        return NONE if item is NONE else [item]
    properties: Any = resolved.get("properties")
    return _of_object(resolved, inner, depth) if isinstance(properties, dict) else NONE


def _of_object(schema: dict[str, Any], scope: Scope, depth: int) -> Any:
    """An object of its properties' examples, if those that it must have have one."""
    properties = cast("dict[str, Any]", schema["properties"])
    given = {name: _example(below, scope, depth + 1) for name, below in properties.items()}
    found = {name: example for name, example in given.items() if example is not NONE}
    needed: Any = schema.get("required", [])
    return found if found and set(needed) <= set(found) else NONE
