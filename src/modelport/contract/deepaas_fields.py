"""Webargs fields, old idioms and new, read as data.

webargs 5 (2019) took `location=` on a field and any keyword as metadata; the webargs of today keeps
both in `field.metadata`, and this module gives them back their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import marshmallow as ma
from marshmallow import fields, validate

from modelport.contract.errors import ModelLoadError
from modelport.contract.field_schemas import FieldSchemas, items_of, metadata_of_field
from modelport.contract.signature import Argument, ArgumentKind, Location

LOCATIONS: dict[str, Location] = {
    "form": "form",
    "query": "query",
    "querystring": "query",
    "json": "json",
    "headers": "headers",
    "cookies": "cookies",
    "files": "files",
}


class PlainFields(ma.Schema):
    """The base of schemas that are made of a dictionary of fields, without hooks of their own."""


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
    """V1's way: whatever its `type` says, the value is a text, also that of its default."""
    metadata: dict[str, Any] = {"description": str(given.get("help") or given.get("description") or "")}
    choices: Any = given.get("choices")
    if isinstance(choices, (list, tuple)):
        metadata["enum"] = [str(one) for one in cast("list[Any]", choices)]
    if given.get("required"):
        return fields.Str(required=True, metadata=metadata)
    default = given.get("default")
    return fields.Str(
        load_default=None if default is None else str(default), metadata=metadata, allow_none=True
    )


def arguments_of(schema: ma.Schema, schemas: FieldSchemas, verb: str, problems: list[str]) -> list[Argument]:
    """The arguments that the fields of `verb` ask for; what is wrong with one, and does no harm, is told."""
    found: list[Argument] = []
    for field_name, field in schema.load_fields.items():
        name = field.data_key if field.data_key is not None else field_name
        location = str(metadata_of_field(field).get("location") or "")
        if location and location not in LOCATIONS:
            known = ", ".join(LOCATIONS)
            problems.append(
                f"get_{verb}_args(): {name!r} has the location {location!r}, which is none of {known}; "
                "it is looked for in the query, a form and a JSON body"
            )
        argument = _argument(name, field_name, field, schemas)
        if argument.kind == "accept":
            _describe_accept(argument.schema, field, is_answered=verb == "predict")
        found.append(argument)
    return found


def _argument(name: str, field_name: str, field: fields.Field, schemas: FieldSchemas) -> Argument:
    location = LOCATIONS.get(str(metadata_of_field(field).get("location")), "any")
    kind = _kind(name, field, location)
    schema = _schema(field, schemas)
    if kind == "file":
        schema = _described({"type": "string", "format": "binary"}, schema)
    elif kind == "files":
        schema = _described({"type": "array", "items": {"type": "string", "format": "binary"}}, schema)
    parameter = field.attribute or field_name
    return Argument(
        name=name,
        schema=schema,
        required=field.required,
        kind=kind,
        location="files" if kind in ("file", "files") else location,
        delimiter=delimiter_of(field),
        keyword="" if parameter == name else parameter,
    )


def _kind(name: str, field: fields.Field, location: Location) -> ArgumentKind:
    if is_file(field):
        return "file"
    if holds_files(field):
        return "files"
    is_accept = name == "accept" or (name.lower() == "accept" and location == "headers")
    return "accept" if is_accept and not takes_several(field) else "value"


def is_file(field: fields.Field) -> bool:
    """True for a field that is one file."""
    return _marked_as_file(field) and items_of(field) is None


def holds_files(field: fields.Field) -> bool:
    """True for a list or a tuple of files."""
    items = items_of(field)
    return items is not None and (_marked_as_file(field) or any(map(is_file, items)))


def _marked_as_file(field: fields.Field) -> bool:
    metadata = metadata_of_field(field)
    return metadata.get("type") == "file" or metadata.get("location") == "files"


def takes_several(field: fields.Field) -> bool:
    """True if every value of a repeated key is meant for this field: webargs' `is_multiple`."""
    anything: Any = field
    if delimiter_of(field) is None and hasattr(field, "is_multiple"):
        return bool(anything.is_multiple)  # which a class of the model's own may say
    return items_of(field) is not None or (isinstance(field, fields.Pluck) and bool(anything.many))


def delimiter_of(field: fields.Field) -> str | None:
    """What separates the items of a list that is written as one text; `None` for any other field."""
    return str(cast("Any", field).delimiter) if items_of(field) and hasattr(field, "delimiter") else None


def _schema(field: fields.Field, schemas: FieldSchemas) -> dict[str, Any]:
    try:
        schema = schemas.of_field(field)
    except Exception:  # a field class of the model's own, which may raise anything when it is asked
        schema = {}
    if "enum" in metadata_of_field(field) and schema.get("default") is not None:
        # Such choices document and do not check: a default beside them is one of them.
        choices: list[Any] = schema.get("enum", [])
        schema["enum"] = choices if schema["default"] in choices else [*choices, schema["default"]]
    return schema


def _described(schema: dict[str, Any], of_field: dict[str, Any]) -> dict[str, Any]:
    return schema | {key: of_field[key] for key in ("description", "default") if key in of_field}


def _describe_accept(schema: dict[str, Any], field: fields.Field, *, is_answered: bool) -> None:
    """What can be answered. The first is the default, whatever default the field has: so DEEPaaS has it."""
    rules = [cast("Any", rule) for rule in field.validators if isinstance(rule, validate.OneOf)]
    choices: list[Any] = [choice for rule in rules for choice in rule.choices]
    choices = [str(choice) for choice in choices or schema.get("enum") or [] if choice is not None]
    if choices:
        schema["enum"] = choices
        if is_answered:
            schema["default"] = choices[0]
    else:
        schema.pop("enum", None)
