"""From values as they were sent to the arguments of a DEEPaaS model: its fields, loaded as webargs 5 did.

What a field does with a value is decided once, when the model is loaded: its fields do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import marshmallow as ma
from marshmallow import fields

from modelport.contract.deepaas_fields import (
    PlainFields,
    delimiter_of,
    holds_files,
    is_file,
    takes_several,
)
from modelport.contract.errors import ArgumentErrors, text_keys
from modelport.contract.ordinary_fields import Doubtful, ordinary
from modelport.contract.uploaded_file import is_uploaded_file

NOT_A_FILE = "Not a valid file."

Prepare = Callable[[Any], Any]
Deserialize = Callable[[Any, str, dict[str, Any]], Any]


class Loader(Protocol):
    """Makes arguments of values."""

    def load(self, values: dict[str, Any], raw: bytes = b"") -> dict[str, Any]:
        """The arguments; `raw` is of no use here. Raises `ArgumentErrors` with every message at once."""
        ...


def loader_of(schema: ma.Schema) -> Loader:
    """What loads the values of this schema.

    One of plain fields is loaded field by field, which gives what `Schema.load` gives in less time; a Schema
    class of the model's own, with hooks and validators, is loaded whole.
    """
    return FieldLoader(schema) if isinstance(schema, PlainFields) else SchemaLoader(schema)


class _Part(NamedTuple):
    """A field of a schema: the key of its value, the name of its argument, and how one becomes the other."""

    key: str
    name: str
    prepare: Prepare | None
    deserialize: Deserialize


def _parts(schema: ma.Schema) -> list[_Part]:
    return [
        _Part(
            key=name if field.data_key is None else field.data_key,
            name=field.attribute or name,
            prepare=_prepare_of(field),
            deserialize=_deserialize_of(field),
        )
        for name, field in schema.load_fields.items()
    ]


class FieldLoader:
    """Loads field by field."""

    def __init__(self, schema: ma.Schema):
        self._parts = _parts(schema)

    def load(self, values: dict[str, Any], raw: bytes = b"") -> dict[str, Any]:
        """See `Loader`."""
        result: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for key, name, prepare, deserialize in self._parts:
            try:
                value = values.get(key, ma.missing)
                if prepare is not None and value is not ma.missing and value is not None:
                    value = prepare(value)
                value = deserialize(value, key, values)
            except ma.ValidationError as error:
                errors[key] = cast("Any", error).messages
                continue
            if value is not ma.missing:
                result[name] = value
        if errors:
            raise ArgumentErrors(text_keys(errors))
        return result


class SchemaLoader:
    """Loads a schema whole."""

    def __init__(self, schema: ma.Schema):
        self._schema: Any = schema
        self._parts = _parts(schema)

    def load(self, values: dict[str, Any], raw: bytes = b"") -> dict[str, Any]:
        """See `Loader`."""
        ready = {part.key: values[part.key] for part in self._parts if part.key in values}
        errors: dict[str, Any] = {}
        for key, _, prepare, _ in self._parts:
            if prepare is not None and ready.get(key) is not None:
                try:
                    ready[key] = prepare(ready[key])
                except ma.ValidationError as error:
                    errors[key] = cast("Any", error).messages
        if errors:
            raise ArgumentErrors(text_keys(errors))
        try:
            return self._schema.load(ready, unknown=ma.EXCLUDE)
        except ma.ValidationError as error:
            messages: Any = cast("Any", error).messages
            raise ArgumentErrors(
                text_keys(messages if isinstance(messages, dict) else {"_schema": messages})
            ) from error


def _deserialize_of(field: fields.Field) -> Deserialize:
    """What `deserialize` of this field does, which itself is asked only where it has to be."""
    deserialize: Deserialize = cast("Any", field).deserialize
    read = ordinary(field)
    if read is None:
        return deserialize

    def deserialized(value: Any, key: str, values: dict[str, Any]) -> Any:
        if value is ma.missing:
            return deserialize(value, key, values)
        try:
            return read(value)
        except Doubtful:
            return deserialize(value, key, values)

    return deserialized


def _prepare_of(field: fields.Field) -> Prepare | None:
    """What webargs 5 does to a value before the field gets it: it took a scalar for a list of one, and a list
    where a delimited string was asked. `None` if that is nothing."""
    if is_file(field):
        return _file
    if holds_files(field):
        return _files
    delimiter = delimiter_of(field)
    if delimiter is not None:
        return lambda raw: delimiter.join(map(str, cast("list[Any]", raw))) if _is_list(raw) else raw
    return _listed if takes_several(field) else None


def _file(raw: Any) -> Any:
    if not is_uploaded_file(raw):
        raise ma.ValidationError(NOT_A_FILE)
    return raw


def _files(raw: Any) -> list[Any]:
    items: list[Any] = list(cast("list[Any]", raw)) if isinstance(raw, list) else [raw]
    bad = {i: [NOT_A_FILE] for i, item in enumerate(items) if not is_uploaded_file(item)}
    if bad:
        raise ma.ValidationError(cast("Any", bad))
    return items


def _listed(raw: Any) -> Any:
    return raw if _is_list(raw) else [raw]


def _is_list(raw: Any) -> bool:
    return isinstance(raw, (list, tuple))
