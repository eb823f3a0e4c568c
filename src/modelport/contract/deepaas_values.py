"""What a request holds for each argument of a DEEPaaS model, as webargs 5 would find it."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.media_types import best_media_type
from modelport.contract.places import MISSING, Places
from modelport.contract.repeated import note_repeated
from modelport.contract.signature import Argument
from modelport.contract.uploaded_file import is_uploaded_file

AS_A_FILE = "Send it as a file of a form (multipart/form-data), such as curl -F {}=@FILE."
ANYTHING = "*/*"


def raw_values(
    arguments: list[Argument], several: frozenset[str], places: Places, verb: str
) -> dict[str, Any]:
    """What a request holds for each argument; `several` names those that take every value of a key.

    Raises `BadRequest` (406) for a prediction of which the client accepts no form.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        if argument.kind == "accept":
            value = _accepted(argument, places, is_answered=verb == "predict")
        else:
            value = _look_up(argument, argument.name in several, places)
        if value is not MISSING:
            values[argument.name] = value
    return values


def _look_up(argument: Argument, several: bool, places: Places) -> Any:
    place, found = places.find(argument.name, argument.location)
    if place in ("", "json"):
        return found
    if argument.is_upload and not all(is_uploaded_file(v) for v in found):
        return "" if argument.kind == "file" else list[Any](found)
    if several and (argument.delimiter is None or len(found) > 1):
        items: dict[str, Any] = argument.schema.get("items") or {}
        return [_read(text, items) for text in found]
    _only_first(argument, found, places)
    return _read(found[0], argument.schema)


def _only_first(argument: Argument, found: list[Any], places: Places) -> None:
    """Tell who sent several values to a field that is no list, which has the first, as in DEEPaaS."""
    if len(found) > 1:
        note_repeated(places, argument.name, found)


def _read(text: Any, schema: dict[str, Any]) -> Any:
    """Text as the value that a schema means by it, where its field does not read text: choices and objects.

    What is no such value stays as it is, for the field to say so.
    """
    if not isinstance(text, str):
        return text
    choices: list[Any] = schema.get("enum") or []
    if choices and text not in choices and schema.get("type") != "string":
        return next((one for one in choices if one is not None and text == plain_text(one)), text)
    if text.lstrip()[:1] == "{" and _is_object(schema):
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(text)
    return text


def plain_text(value: Any) -> str:
    """A value as it is written in a query: as JSON, a text without quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _is_object(schema: dict[str, Any]) -> bool:
    several: list[dict[str, Any]] = schema.get("anyOf") or schema.get("allOf") or []
    kinds = schema.get("type", "")
    return "$ref" in schema or "object" in kinds or any(map(_is_object, several))


def _accepted(argument: Argument, places: Places, *, is_answered: bool) -> Any:
    """The media type for the argument `accept`: what the argument says, else what the Accept header says.

    The answer to a training is JSON, whatever its argument: a header that fits no choice is not for it.
    """
    given: Any = MISSING
    if argument.location != "headers":
        place, found = places.find(argument.name, argument.location)
        given = found
        if place not in ("", "json"):
            _only_first(argument, found, places)
            given = found[0]
    choices: list[str] = list(argument.schema.get("enum") or [])
    if given is not MISSING and given != ANYTHING:
        is_range = isinstance(given, str) and given not in choices
        return (best_media_type(given, choices) if choices and is_range else None) or given
    if not choices:
        return places.accept if given is MISSING and places.accept else given
    header = places.accept if given is MISSING else None
    default = argument.schema.get("default")
    chosen = best_media_type(header, sorted(choices, key=lambda choice: choice != default))
    if is_answered and chosen is None:
        raise BadRequest(f"cannot answer {places.accept!r}; can answer {', '.join(choices)}", 406)
    if is_answered or (header and chosen) or argument.required:
        return chosen or choices[0]
    return MISSING


def add_causes(messages: dict[str, Any], arguments: list[Argument], places: Places) -> None:
    """Tell why something lacks that was sent: DEEPaaS's words, which come first, say only that it does.

    A file may have been sent as a text, and a body as a type that is not read.
    """
    for argument in arguments:
        name = argument.name
        if argument.is_upload and name in messages and places.find(name)[1] is not MISSING:
            told = messages[name]
            way = AS_A_FILE.format(name)
            messages[name] = [*told, way] if isinstance(told, list) else {**told, "_schema": [way]}
    if isinstance(places.unread, ArgumentErrors):
        messages.update(places.unread.messages)
    elif places.unread is not None:
        messages["_schema"] = [*messages.get("_schema", []), str(places.unread)]
