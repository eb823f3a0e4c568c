"""What a form is filled with: values that fit a JSON Schema, values that do not, and how a text is pasted."""

from __future__ import annotations

from typing import Any, cast

Schema = dict[str, Any]

FORMATS = {
    "date": "2026-03-01",
    "date-time": "2026-03-01T12:30:00Z",
    "time": "12:30:00",
    "duration": "PT1M30S",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "url": "https://example.org/",
    "uuid": "6f6b9a0e-3f0c-4a37-9a5c-0f1f3c2b7a11",
}
NO_TEXT = {"no": "text"}
# Pastes a text where an element is.
PASTE = """(zone, text) => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    zone.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
}"""


def fitting(given: Any, definitions: Schema, depth: int = 0) -> Any:
    """A value that the schema takes: its example if it has one, else a text that is its default."""
    schema = _resolved(given, definitions)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("example", "const"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(schema.get("default"), str):  # which may be a word that the model knows
        return schema["default"]
    branches = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if branches:
        return fitting(branches[0], definitions, depth)
    kinds = schema.get("type", "")
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "string":
            return FORMATS.get(schema.get("format", ""), "sample"[: schema.get("maxLength", 6)])
        case "integer":
            return int(_number(schema, 1))
        case "number":
            return _number(schema, 0.5)
        case "boolean":
            return True
        case "array":
            return _items(schema, definitions, depth)
        case "object":
            return _properties(schema, definitions, depth)
        case _:
            return 1


def _resolved(given: Any, definitions: Schema) -> Schema:
    schema = cast("Schema", given if isinstance(given, dict) else {})
    while "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/$defs/")] | {
            key: value for key, value in schema.items() if key != "$ref"
        }
    return schema


def _number(schema: Schema, step: float) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is not None and most is not None:
        return (least + most) / 2
    return step + (least if least is not None else 0.0) if most is None else most - step


def _items(schema: Schema, definitions: Schema, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [fitting(item, definitions, depth + 1) for item in schema["prefixItems"]]
    count = max(1 if depth < 4 else 0, schema.get("minItems", 0))
    return [fitting(schema.get("items", {}), definitions, depth + 1) for _ in range(count)]


def _properties(schema: Schema, definitions: Schema, depth: int) -> Schema:
    properties: Schema = schema.get("properties", {})
    wanted = properties if depth < 4 else {name: properties[name] for name in schema.get("required", [])}
    found = {name: fitting(one, definitions, depth + 1) for name, one in wanted.items()}
    others = schema.get("additionalProperties")
    if not properties and isinstance(others, dict) and others:
        found["sample"] = fitting(others, definitions, depth + 1)
    return found


def unfitting(given: Any, definitions: Schema) -> Any:
    """A value that the schema takes only if it takes anything."""
    schema = _resolved(given, definitions)
    branches = [schema, *(_resolved(one, definitions) for one in schema.get("anyOf", []))]
    kinds = {
        kind
        for one in branches
        for kind in ([one.get("type")] if isinstance(one.get("type"), str) else one.get("type", []))
    }
    return NO_TEXT if "string" in kinds and "enum" not in schema else "§ no such value"
