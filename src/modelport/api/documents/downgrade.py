"""JSON Schema 2020-12 written as the Schema Object of Swagger 2.0 (JSON Schema draft 4, cut down).

What Swagger cannot say is left out, or stands under an `x-` key: the result never forbids a value that
the original allows.
"""

from __future__ import annotations

from typing import Any, cast

from modelport.api.documents.schemas import Schema, distinct, types_of

NULL: Schema = {"enum": [None], "x-nullable": True}
BRANCHES = ("anyOf", "oneOf")
KEPT = frozenset(
    {
        *("$ref", "additionalProperties", "allOf", "default", "description", "enum", "example", "format"),
        *("exclusiveMaximum", "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties"),
        *("maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern"),
        *("properties", "readOnly", "required", "title", "type", "uniqueItems"),
    }
)
# apispec named the width of numbers in the days of Swagger 2.0, and DEEPaaS's clients read it.
WIDTHS = {"integer": "int32", "number": "float"}
FORMATS = {"uri-reference": "url"}


def downgraded(schema: Schema, *, widths: bool) -> Schema:
    """One schema object; those inside it are downgraded already. `widths` adds DEEPaaS's number formats."""
    result = dict(schema)
    if types_of(schema) == ["null"]:
        return dict(NULL)
    nullable = _take_null(result)
    _choices(result)
    _bounds(result)
    _tuple_items(result)
    _maps(result)
    _formats(result, widths=widths)
    _merge_branches(result)  # last: what comes in from a branch is written down already
    nullable = bool(result.pop("x-nullable", False)) or nullable
    result = {k: v for k, v in result.items() if k in KEPT or k.startswith("x-")}
    if result.get("type") == "array":
        result.setdefault("items", {})
    if "$ref" in result and (len(result) > 1 or nullable):
        # Beside a reference every other key is ignored in Swagger 2.0.
        result = {"allOf": [{"$ref": result.pop("$ref")}, *result.pop("allOf", [])]} | result
    if nullable:
        result["x-nullable"] = True
    return result


def is_null(schema: Any) -> bool:
    """Whether a downgraded schema allows null alone."""
    return isinstance(schema, dict) and cast("Schema", schema).get("enum") == [None]


def _take_null(schema: Schema) -> bool:
    types = types_of(schema)
    real = [name for name in types if name != "null"]
    schema.pop("type", None)
    if len(real) == 1:
        schema["type"] = real[0]
    elif {*real} == {"integer", "number"}:
        schema["type"] = "number"
    return "null" in types


def _merge_branches(schema: Schema) -> None:
    """One alternative beside null is the schema itself; several are told under `x-anyOf`."""
    for key in BRANCHES:
        if key not in schema:
            continue
        branches: list[Any] = schema.pop(key)
        real = [branch for branch in branches if not is_null(branch)]
        if len(real) < len(branches):
            schema["x-nullable"] = True
        if len(real) == 1 and isinstance(real[0], dict):
            branch = cast("Schema", real[0])
            if not set(branch) & set(schema) - {"description", "title", "default"}:
                schema |= branch | schema
                continue
        if real:
            schema[f"x-{key}"] = real
    if "allOf" in schema:
        schema["allOf"] = [part for part in schema["allOf"] if not isinstance(part, bool)]
        if not schema["allOf"]:
            del schema["allOf"]


def _choices(schema: Schema) -> None:
    if "const" in schema:
        schema.setdefault("enum", [schema.pop("const")])
    if "enum" in schema:
        real = [choice for choice in schema["enum"] if choice is not None]
        if len(real) < len(schema["enum"]):
            schema["x-nullable"] = True
        schema["enum"] = distinct(real)
        if not real:
            del schema["enum"]
    examples = schema.pop("examples", None)
    if examples:
        schema.setdefault("example", examples[0])


def _bounds(schema: Schema) -> None:
    """An exclusive bound was a flag beside the bound. Where both bounds stand, the tighter one counts."""
    for exclusive, bound, sign in (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)):
        limit = schema.pop(exclusive, None)
        if limit is None:
            continue
        if bound not in schema or limit * sign >= schema[bound] * sign:
            schema[bound] = limit
            schema[exclusive] = True


def _tuple_items(schema: Schema) -> None:
    if "prefixItems" in schema:
        prefix: list[Any] = schema.pop("prefixItems")
        if schema.get("items") is False:
            schema["maxItems"] = min(schema.get("maxItems", len(prefix)), len(prefix))
        schema["items"] = {}
        schema["x-prefixItems"] = prefix
    if isinstance(schema.get("items"), bool):
        schema["items"] = {}


def _maps(schema: Schema) -> None:
    patterns = schema.pop("patternProperties", None)
    if patterns and schema.get("additionalProperties") in (None, False):
        parts = list(patterns.values())
        schema["additionalProperties"] = parts[0] if len(parts) == 1 else True
    if "properties" in schema:
        properties = cast("dict[str, Any]", schema["properties"])
        schema["properties"] = {
            name: {} if isinstance(part, bool) else part for name, part in properties.items()
        }


def _formats(schema: Schema, *, widths: bool) -> None:
    if schema.pop("contentEncoding", None) == "base64":
        schema.setdefault("format", "byte")
    if "format" in schema:
        schema["format"] = FORMATS.get(schema["format"], schema["format"])
    elif widths and schema.get("type") in WIDTHS and "enum" not in schema:
        schema["format"] = WIDTHS[schema["type"]]
    for key in ("readOnly", "uniqueItems"):
        if key in schema and not isinstance(schema[key], bool):
            del schema[key]
