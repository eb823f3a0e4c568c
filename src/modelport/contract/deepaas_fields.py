"""Webargs fields, old idioms and new, read as data.

webargs 5 (2019) took `location=` on a field and any keyword as metadata; the webargs of today keeps
both in `field.metadata`, and this module gives them back their meaning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, cast

import marshmallow as ma
import msgspec
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields, validate
from webargs.fields import DelimitedList

from modelport.contract.errors import ArgumentErrors, ModelLoadError
from modelport.contract.message_maps import text_keys
from modelport.contract.places import MISSING
from modelport.contract.signature import Argument, ArgumentKind, Location
from modelport.contract.uploaded_file import is_uploaded_file

LOCATIONS: dict[str, Location] = {
    "form": "form",
    "query": "query",
    "querystring": "query",
    "json": "json",
    "headers": "headers",
    "files": "files",
}
NOT_A_FILE = "Not a valid file."


class PlainFields(ma.Schema):
    """The base of schemas that are made of a dictionary of fields, without hooks of their own."""


def _metadata(field: fields.Field) -> dict[str, Any]:
    return cast("dict[str, Any]", field.metadata)  # pyright: ignore[reportUnknownMemberType]


def as_fields(given: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, fields.Field]:
    """The entries of `given` as fields. Raises `ModelLoadError` for what can be no argument.

    A plain dictionary (the V1 form: `{"default": …, "help": …}`) becomes a string argument, with a
    word in `problems`, as DEEPaaS's upgrade notes promise.
    """
    checked: dict[str, fields.Field] = {}
    for key, value in given.items():
        if isinstance(value, type) and issubclass(value, fields.Field):
            checked[str(key)] = value()
        elif isinstance(value, fields.Field):
            checked[str(key)] = value
        elif isinstance(value, Mapping):
            problems.append(
                f"{where}: {key!r} is described by a dictionary (deprecated); it arrives as a string"
            )
            checked[str(key)] = _legacy_field(cast("Mapping[str, Any]", value))
        else:
            kind = type(cast("object", value)).__name__
            raise ModelLoadError(f"{where}: the argument {key!r} is a {kind}; use a field of webargs.fields")
    return checked


def _legacy_field(given: Mapping[str, Any]) -> fields.Field:
    metadata = {"description": str(given.get("help") or given.get("description") or "")}
    if given.get("required"):
        return fields.Str(required=True, metadata=metadata)
    default = given.get("default", "")
    return fields.Str(
        load_default=None if default is None else str(default), metadata=metadata, allow_none=True
    )


def arguments_of(schema: ma.Schema, converter: Converter) -> list[Argument]:
    """The arguments that a schema of fields asks for."""
    return [
        _argument(field.data_key if field.data_key is not None else name, field, converter)
        for name, field in schema.load_fields.items()
    ]


class _Rules(OpenAPIConverter):
    """apispec's converter, which knows no exclusive bounds."""

    def field2range(self, field: fields.Field, ret: Any) -> dict[str, Any]:
        untyped: Any = super()
        found: dict[str, Any] = untyped.field2range(field, ret)
        for rule in (cast("Any", r) for r in field.validators if isinstance(r, validate.Range)):
            for bound, limit, inclusive, exclusive in (
                ("minimum", rule.min, rule.min_inclusive, "exclusiveMinimum"),
                ("maximum", rule.max, rule.max_inclusive, "exclusiveMaximum"),
            ):
                if limit is not None and not inclusive and found.get(bound) == limit:
                    found[exclusive] = found.pop(bound)
        return found


class _Plugin(MarshmallowPlugin):
    Converter = _Rules


class Converter:
    """Fields and schemas of one model as JSON Schema.

    Schemas inside go to `definitions`, each under a name of its own, and are referred to as `#/$defs/…`.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.plugin = _Plugin()
        self.spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[self.plugin])

    def of_field(self, field: fields.Field) -> dict[str, Any]:
        converter: Any = self.plugin.converter
        return self._finish(converter.field2property(field))

    def of_schema(self, schema: ma.Schema) -> dict[str, Any]:
        converter: Any = self.plugin.converter
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # apispec warns where two schemas have one name
            return self._finish(converter.schema2jsonschema(schema))

    def _finish(self, found: dict[str, Any]) -> dict[str, Any]:
        components: Any = self.spec.to_dict().get("components", {})
        for name, definition in components.get("schemas", {}).items():
            self.definitions.setdefault(name, _rewritten(definition))
        return _rewritten(found)


def _rewritten(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {
            k: v.replace("#/components/schemas/", "#/$defs/") if k == "$ref" else _rewritten(v)
            for k, v in items
        }
    if isinstance(value, list):
        return [_rewritten(item) for item in cast("list[Any]", value)]
    return value


def _argument(name: str, field: fields.Field, converter: Converter) -> Argument:
    kind = _kind(name, field)
    schema = _schema(field, converter)
    if kind == "file":
        schema = _described({"type": "string", "format": "binary"}, field)
    elif kind == "files":
        schema = _described({"type": "array", "items": {"type": "string", "format": "binary"}}, field)
    if kind == "accept":
        _describe_accept(schema, field)
    location = LOCATIONS.get(str(_metadata(field).get("location", "")), "any")
    if kind in ("file", "files"):
        location = "files"
    return Argument(
        name=name,
        schema=schema,
        required=field.required,
        kind=kind,
        location=location,
        delimiter=str(getattr(field, "delimiter", ",")) if isinstance(field, DelimitedList) else None,
    )


def _kind(name: str, field: fields.Field) -> ArgumentKind:
    if _is_file(field):
        return "file"
    if isinstance(field, fields.List) and (_is_file(field.inner) or _marked_as_file(field)):
        return "files"
    return "accept" if name == "accept" else "value"


def _marked_as_file(field: fields.Field) -> bool:
    return _metadata(field).get("type") == "file" or _metadata(field).get("location") == "files"


def _is_file(field: fields.Field) -> bool:
    return _marked_as_file(field) and not isinstance(field, fields.List)


def _schema(field: fields.Field, converter: Converter) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # apispec warns of defaults it cannot serialise
        try:
            schema = converter.of_field(field)
        except Exception:  # a field class of the model's own that apispec cannot describe
            schema = {}
    if "enum" in _metadata(field) and "enum" not in schema:
        schema["enum"] = list(_metadata(field)["enum"])
    schema.pop("default", None)
    schema = _described(schema, field)
    if "enum" in _metadata(field) and schema.get("default") is not None:
        # Such choices document and do not check: a default beside them is one of them.
        choices: list[Any] = schema["enum"]
        schema["enum"] = choices if schema["default"] in choices else [*choices, schema["default"]]
    return schema


def _described(schema: dict[str, Any], field: fields.Field) -> dict[str, Any]:
    description = _metadata(field).get("description")
    if description:
        schema["description"] = str(description)
    default = cast("Any", field).load_default
    if default is not ma.missing and not callable(default):
        try:
            schema["default"] = msgspec.json.decode(msgspec.json.encode(default))
        except (TypeError, ValueError):
            schema["default"] = str(default)
    return schema


def _describe_accept(schema: dict[str, Any], field: fields.Field) -> None:
    rules = [cast("Any", rule) for rule in field.validators if isinstance(rule, validate.OneOf)]
    choices: list[Any] = [choice for rule in rules for choice in rule.choices]
    choices = choices or list(schema.get("enum") or [])
    if choices:
        schema["enum"] = [str(choice) for choice in choices]


def deserialize(schema: ma.Schema, values: dict[str, Any]) -> dict[str, Any]:
    """Raw values to arguments. Raises `ArgumentErrors` with every message at once.

    A schema of plain fields is loaded field by field, which gives what `Schema.load` gives in a
    third of the time; a Schema class of the model's own, with hooks and validators, is loaded whole.
    """
    if not isinstance(schema, PlainFields):
        return _loaded_whole(schema, values)
    result: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name, field in schema.load_fields.items():
        key = field.data_key if field.data_key is not None else name
        raw = values.get(key, MISSING)
        try:
            value = _value(field, ma.missing if raw is MISSING else raw, key, values)
        except ma.ValidationError as error:
            errors[key] = cast("Any", error).messages
            continue
        if value is not ma.missing:
            result[field.attribute or name] = value
    if errors:
        raise ArgumentErrors(text_keys(errors))
    return result


def _loaded_whole(schema: ma.Schema, values: dict[str, Any]) -> dict[str, Any]:
    ready = dict(values)
    errors: dict[str, Any] = {}
    for name, field in schema.load_fields.items():
        key = field.data_key if field.data_key is not None else name
        if key in ready:
            try:
                ready[key] = _raw(field, ready[key])
            except ma.ValidationError as error:
                errors[key] = cast("Any", error).messages
    if errors:
        raise ArgumentErrors(text_keys(errors))
    try:
        loaded: Any = cast("Any", schema).load(ready, unknown=ma.EXCLUDE)
    except ma.ValidationError as error:
        messages: Any = cast("Any", error).messages
        raise ArgumentErrors(
            text_keys(messages if isinstance(messages, dict) else {"_schema": messages})
        ) from error
    return loaded


def _value(field: fields.Field, raw: Any, key: str, values: dict[str, Any]) -> Any:
    anything: Any = field
    return anything.deserialize(_raw(field, raw), key, values)


def _raw(field: fields.Field, raw: Any) -> Any:
    if raw is ma.missing or raw is None:
        return raw
    if _is_file(field):
        if not is_uploaded_file(raw):
            raise ma.ValidationError(NOT_A_FILE)
        return raw
    return _as_list(field, raw) if isinstance(field, fields.List) else raw


def _as_list(field: fields.List, raw: Any) -> Any:
    """webargs 5 took a scalar for a list of one, and a list where a delimited string was asked."""
    if _is_file(field.inner) or _marked_as_file(field):
        items: list[Any] = list(cast("list[Any]", raw)) if isinstance(raw, list) else [raw]
        bad = {i: [NOT_A_FILE] for i, item in enumerate(items) if not is_uploaded_file(item)}
        if bad:
            raise ma.ValidationError(cast("Any", bad))
        return items
    if isinstance(field, DelimitedList):
        if isinstance(raw, list):
            return field.delimiter.join(str(item) for item in cast("list[Any]", raw))
        return raw
    return cast("list[Any]", raw) if isinstance(raw, (list, tuple)) else [raw]
