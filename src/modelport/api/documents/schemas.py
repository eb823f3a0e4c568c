"""JSON Schema (2020-12) as both documents need it: plain JSON, and nothing a validator trips over.

Signatures carry what model authors wrote, so a schema may hold infinities, type names that do not
exist and defaults that break their own bounds. What cannot stand in a document is left out here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

Schema = dict[str, Any]
Convert = Callable[[Any], Schema]

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
SINGLE = frozenset(
    {
        *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
        *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
    }
)
SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("dependentSchemas", "patternProperties", "properties")
TEXTS = ("$comment", "contentEncoding", "contentMediaType", "description", "format", "pattern", "title")
COUNTS = frozenset(
    {
        *("maxContains", "maxItems", "maxLength", "maxProperties"),
        *("minContains", "minItems", "minLength", "minProperties"),
    }
)
NUMBERS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum")
# A document is one resource with one dialect: these would re-base or re-define it from within.
DROPPED = frozenset(
    {"$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "$vocabulary", "definitions"}
)
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinities become null, keys and unknown things text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(key): plain(item) for key, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    return str(value)


def as_schema(value: Any) -> Schema | bool:
    """A schema is an object or a boolean; anything else constrains nothing."""
    if isinstance(value, bool):
        return value
    return cast("Schema", value) if isinstance(value, dict) else {}


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema names, unknown names left out."""
    given: Any = schema.get("type")
    names = cast("list[Any]", given) if isinstance(given, list) else [given]
    return [name for name in dict.fromkeys(map(str, names)) if name in TYPES]


def cleaned(schema: Mapping[str, Any], convert: Convert) -> Schema:
    """One schema object made safe, each schema inside it given to `convert`. References stay."""
    result: Schema = {}
    for key, value in schema.items():
        kept, new = _keyword(str(key), value, convert)
        if kept:
            result[str(key)] = new
    types = types_of(schema)
    if "type" in schema:
        result.pop("type", None)
        if types:
            result["type"] = types if len(types) > 1 else types[0]
    if "default" in result:
        default = result["default"]
        if isinstance(default, float) and default.is_integer() and "integer" in types:
            result["default"] = int(default)  # draft 4 does not take 1.0 for an integer
        if not fits(default, result):
            del result["default"]
    return result


def _keyword(key: str, value: Any, convert: Convert) -> tuple[bool, Any]:
    """Whether a keyword is kept, and its value."""
    if key in DROPPED:
        return False, None
    if key in SINGLE:
        return True, value if isinstance(value, bool) else convert(value)
    if key in SEVERAL:
        parts = cast("list[Any]", value) if isinstance(value, list) else []
        return bool(parts), [part if isinstance(part, bool) else convert(part) for part in parts]
    if key in NAMED:
        named = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        return True, {
            str(name): part if isinstance(part, bool) else convert(part) for name, part in named.items()
        }
    return _leaf(key, value)


def _leaf(key: str, value: Any) -> tuple[bool, Any]:
    if key in TEXTS or key == "$ref":
        return isinstance(value, str), value
    if key in NUMBERS:
        return _is_number(value), value
    if key == "multipleOf":
        return _is_number(value) and value > 0, value
    if key in COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0, value
    if key in ("enum", "required", "examples"):
        given: Any = plain(value)
        values = distinct(cast("list[Any]", given)) if isinstance(given, list) else []
        return bool(values), values
    return True, plain(value)


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values in order, each once, by JSON's equality."""
    found: list[Any] = []
    for value in values:
        if not any(same(value, other) for other in found):
            found.append(value)
    return found


def same(a: Any, b: Any) -> bool:
    """JSON's equality: `True` is not `1` there."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a default keeps its schema's own type, choices and bounds (not those further inside)."""
    types = types_of(schema)
    if types and not any(_has_type(value, name) for name in types):
        return False
    choices: Any = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, list) and not any(same(value, c) for c in cast("list[Any]", choices)):
        return False
    if _is_number(value):
        return _within(value, schema)
    if isinstance(value, (str, list)):
        unit = "Length" if isinstance(value, str) else "Items"
        size = len(cast("list[Any] | str", value))
        return schema.get(f"min{unit}", 0) <= size <= schema.get(f"max{unit}", size)
    return True


def _has_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, PYTHON_TYPES[name])


def _within(value: float, schema: Mapping[str, Any]) -> bool:
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("multipleOf" not in schema or _is_multiple(value, schema["multipleOf"]))
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    times = value / step
    return not math.isfinite(times) or math.isclose(times, round(times))  # 0.3 is three times 0.1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
