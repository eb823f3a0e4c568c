"""Marshmallow's fields and schemas as JSON Schema (2020-12), with nothing but marshmallow to ask.

Every release of marshmallow 3 is read, and so are the fields of every webargs: what a class is, is told
by the name that marshmallow gave it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, cast

import marshmallow as ma
import msgspec
from marshmallow import fields, validate

# What a value of marshmallow's own classes is in JSON; a class of the model's own is what it inherits from.
KINDS: dict[str, dict[str, Any]] = {
    "Integer": {"type": "integer"},
    "Number": {"type": "number"},
    "String": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "UUID": {"type": "string", "format": "uuid"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Date": {"type": "string", "format": "date"},
    "Time": {"type": "string"},
    "TimeDelta": {"type": "number"},
    "Email": {"type": "string", "format": "email"},
    "Url": {"type": "string", "format": "url"},
    "IP": {"type": "string", "format": "ip"},
    "IPv4": {"type": "string", "format": "ipv4"},
    "IPv6": {"type": "string", "format": "ipv6"},
    "Mapping": {"type": "object"},
    "List": {"type": "array"},
    "Tuple": {"type": "array"},
}
TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
# What metadata may say of a field beside what the field itself says.
OF_METADATA = frozenset(
    {
        *("additionalProperties", "allOf", "anyOf", "deprecated", "description", "enum", "example"),
        *("examples", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength"),
        *("maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf"),
        *("oneOf", "pattern", "properties", "title", "type", "uniqueItems"),
    }
)
MODIFIERS = ("only", "exclude", "load_only", "dump_only", "partial", "many")
PLAIN = (str, int, float, bool, type(None))


def metadata_of_field(field: fields.Field) -> dict[str, Any]:
    """What was written beside a field, in either idiom: `enum=[…]`, or `metadata={"enum": […]}`."""
    found = cast("dict[str, Any]", field.metadata)  # pyright: ignore[reportUnknownMemberType]
    inner: Any = found.get("metadata")  # where a marshmallow before 3.10 took it for any other keyword
    return {**found, **cast("dict[str, Any]", inner)} if isinstance(inner, dict) else found


def default_of(field: fields.Field) -> Any:
    """What a field is without a value, or `marshmallow.missing`."""
    anything: Any = field
    return anything.load_default if hasattr(field, "load_default") else anything.missing


def items_of(field: fields.Field) -> list[fields.Field] | None:
    """The fields of a tuple, or the one of a list; `None` for a field that holds no others."""
    anything: Any = field
    if isinstance(field, fields.Tuple):
        return list(anything.tuple_fields)
    return [anything.inner] if isinstance(field, fields.List) else None


class FieldSchemas:
    """Fields and schemas of one model as JSON Schema.

    Schemas inside go to `definitions`, each under a name of its own, and are referred to as `#/$defs/…`.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[tuple[Any, ...], str] = {}

    def of_field(self, field: fields.Field) -> dict[str, Any]:
        """The JSON Schema of a field's value. Raises whatever a class of the model's own may raise."""
        found = _kind(field)
        _add_default(found, field)
        _add_choices(found, field)
        _add_bounds(found, field)
        _add_metadata(found, field)
        self._add_parts(found, field)
        return _with_null(found, field)

    def of_schema(self, schema: ma.Schema) -> dict[str, Any]:
        """The JSON Schema of what a schema loads."""
        loaded: dict[str, Any] = cast("Any", schema).fields
        found: dict[str, Any] = {
            "type": "object",
            "properties": {_key(name, field): self.of_field(field) for name, field in loaded.items()},
        }
        required = sorted(_key(name, field) for name, field in loaded.items() if field.required)
        if required and not schema.partial:
            found["required"] = required
        meta: Any = getattr(schema, "Meta", None)
        found |= {key: str(getattr(meta, key)) for key in ("title", "description") if hasattr(meta, key)}
        if schema.unknown != ma.EXCLUDE:
            found["additionalProperties"] = schema.unknown == ma.INCLUDE
        return found

    def _add_parts(self, found: dict[str, Any], field: fields.Field) -> None:
        anything: Any = field
        if isinstance(field, fields.Pluck):
            inner: dict[str, Any] = self.of_field(anything.schema.fields[field.field_name])
            found |= {"type": "array", "items": inner} if anything.many else {**inner, **found}
        elif isinstance(field, fields.Nested):
            reference = self._reference(anything.schema)
            if anything.schema.many or anything.many:
                found |= {"type": "array", "items": reference}
            elif found:
                found["allOf"] = [reference]
            else:
                found |= reference
        elif isinstance(field, fields.Tuple):
            _add_tuple(found, [self.of_field(item) for item in items_of(field) or []])
        elif isinstance(field, fields.List):
            found["items"] = self.of_field(anything.inner) | found.pop("items", {})
        elif found.get("type") == "object" and hasattr(field, "value_field"):
            values: fields.Field | None = anything.value_field
            found["additionalProperties"] = {} if values is None else self.of_field(values)

    def _reference(self, schema: ma.Schema) -> dict[str, Any]:
        anything: Any = schema
        marks = [getattr(schema, name) for name in MODIFIERS[:-1]]
        key = (type(schema), *(m if isinstance(m, (bool, type(None))) else frozenset(m) for m in marks))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._free_name(type(anything).__name__)
            self.definitions[name] = {}  # a schema may hold itself
            self.definitions[name] = self.of_schema(schema)
        return {"$ref": f"#/$defs/{name}"}

    def _free_name(self, class_name: str) -> str:
        stem = class_name.removesuffix("Schema") or class_name
        name = stem
        number = 0
        while name in self.definitions:
            number += 1
            name = f"{stem}{number}"
        return name


def _key(name: str, field: fields.Field) -> str:
    return field.data_key if field.data_key is not None else name


def _kind(field: fields.Field) -> dict[str, Any]:
    anything: Any = field
    for cls in type(field).__mro__:
        if cls.__module__ != "marshmallow.fields":
            continue
        if cls.__name__ == "Enum":
            return _enum(field)
        if cls.__name__ in ("DateTime", "Date"):
            return _moment(dict(KINDS[cls.__name__]), getattr(anything, "format", None))
        if cls.__name__ in KINDS:
            return dict(KINDS[cls.__name__])
    return {}


def _enum(field: Any) -> dict[str, Any]:
    if not field.by_value:
        return {"type": "string", "enum": [member.name for member in field.enum]}
    kind = _kind(field.field)
    return kind | {"enum": [as_json(member.value, field.field) for member in field.enum]}


def _moment(kind: dict[str, Any], written: str | None) -> dict[str, Any]:
    """A date or time in the format that the field names; JSON Schema has words for ISO 8601 alone."""
    if written in (None, "iso", "iso8601"):
        return kind
    return {"type": "number" if written.startswith("timestamp") else "string"}


def as_json(value: Any, field: fields.Field) -> Any:
    """A value of a field as JSON has it: data as it is, anything else as the field writes it."""
    is_member = isinstance(value, Enum)
    if isinstance(value, PLAIN) and not is_member:
        return value
    anything: Any = field
    forms = [lambda: value, lambda: anything._serialize(value, "", {})]
    for form in reversed(forms) if is_member else forms:
        try:
            return msgspec.json.decode(msgspec.json.encode(form()))
        except Exception:  # a field or a value of the model's own: no form is promised
            continue
    return str(value)


def _add_default(found: dict[str, Any], field: fields.Field) -> None:
    default = default_of(field)
    if default is ma.missing or callable(default):
        return
    found["default"] = as_json(default, field)


def _add_choices(found: dict[str, Any], field: fields.Field) -> None:
    choices: list[Any] | None = None
    for rule in cast("list[object]", field.validators):
        own: Any = rule
        if isinstance(rule, validate.ContainsOnly):
            found["items"] = {"enum": _distinct(own.choices, field)}
        elif isinstance(rule, (validate.OneOf, validate.Equal)):
            offered = _distinct(own.choices if isinstance(rule, validate.OneOf) else [own.comparable], field)
            choices = offered if choices is None else [one for one in choices if one in offered]
    if choices is not None:
        found["enum"] = choices


def _distinct(values: Iterable[Any], field: fields.Field) -> list[Any]:
    found: list[Any] = []
    for value in values:
        ready = as_json(value, field)
        if not any(one == ready and type(one) is type(ready) for one in found):
            found.append(ready)
    return found


def _add_bounds(found: dict[str, Any], field: fields.Field) -> None:
    for rule in cast("list[object]", field.validators):
        pattern = getattr(rule, "regex", None)
        if isinstance(rule, validate.Range) and found.get("type") in ("integer", "number"):
            _add_range(found, rule)
        elif isinstance(rule, validate.Length):
            _add_length(found, rule, field)
        elif isinstance(pattern, re.Pattern):
            found.setdefault("pattern", cast("re.Pattern[str]", pattern).pattern)


def _add_range(found: dict[str, Any], rule: Any) -> None:
    for limit, inclusive, bound, exclusive, tighter in (
        (rule.min, rule.min_inclusive, "minimum", "exclusiveMinimum", max),
        (rule.max, rule.max_inclusive, "maximum", "exclusiveMaximum", min),
    ):
        number = _number(limit)
        if number is not None:
            key = bound if inclusive else exclusive
            found[key] = tighter(found.get(key, number), number)


def _number(limit: Any) -> int | float | None:
    if limit is None or isinstance(limit, (int, float)):
        return limit
    try:
        return float(limit)  # a Decimal or a number of numpy's, for two
    except (TypeError, ValueError):
        return None


def _add_length(found: dict[str, Any], rule: Any, field: fields.Field) -> None:
    kind = found.get("type")
    what = "Properties" if kind == "object" else "Length"
    what = "Items" if kind == "array" or isinstance(field, fields.Nested) else what
    low, high = (rule.min, rule.max) if rule.equal is None else (rule.equal, rule.equal)
    if low is not None:
        found[f"min{what}"] = max(found.get(f"min{what}", low), low)
    if high is not None:
        found[f"max{what}"] = min(found.get(f"max{what}", high), high)


def _add_metadata(found: dict[str, Any], field: fields.Field) -> None:
    for key, value in metadata_of_field(field).items():
        if key == "type" and value not in TYPES:
            continue  # "file", for one
        if key in ("enum", "examples") and not isinstance(value, (list, tuple, set, frozenset)):
            continue
        if key == "enum":
            found.setdefault("enum", _distinct(cast("list[Any]", value), field))
        elif key in OF_METADATA or key.startswith("x-"):
            found[key] = as_json(value, field)
    if field.dump_only:
        found["readOnly"] = True
    if field.load_only:
        found["writeOnly"] = True


def _add_tuple(found: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """A tuple of one kind of item is a list of that length; Swagger 2.0 has words for no others."""
    found["minItems"] = found["maxItems"] = len(items)
    if items and all(item == items[0] for item in items):
        found["items"] = items[0]
    else:
        found["prefixItems"] = items


def _with_null(found: dict[str, Any], field: fields.Field) -> dict[str, Any]:
    if not field.allow_none:
        return found
    if found.get("enum") and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    if "$ref" in found:
        return {"anyOf": [{"$ref": found.pop("$ref")}, {"type": "null"}], **found}
    if "allOf" in found:
        return {"anyOf": [*found.pop("allOf"), {"type": "null"}], **found}
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found
