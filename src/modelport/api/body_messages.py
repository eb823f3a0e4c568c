"""What is wrong with a small body, in words that name what would be right."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from modelport.contract.nearest import did_you_mean

# As msgspec 0.18 and later say it; what is said otherwise is passed on as it is.
PLACE = r"(?: - at `\$(?P<place>[^`]*)`)?"
UNKNOWN = re.compile(rf"Object contains unknown field `(?P<name>.*?)`{PLACE}", re.DOTALL)
NO_CHOICE = re.compile(rf"Invalid enum value (?P<sent>.*?){PLACE}", re.DOTALL)
STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")
MOST_SHOWN = 40  # characters of what was sent


def in_words(error: msgspec.ValidationError, type: type[msgspec.Struct]) -> str:
    """A sentence for whoever has sent a body that is no `type`; nothing of it that is long is repeated."""
    said = str(error)
    unknown, no_choice = UNKNOWN.fullmatch(said), NO_CHOICE.fullmatch(said)
    found = unknown or no_choice
    place = found["place"] or "" if found is not None else ""
    names = _known(inspect.type_info(type), place, of_struct=unknown is not None) if found is not None else []
    if not names:
        return said
    where = place.removeprefix(".")
    if unknown is not None:
        name = unknown["name"]
        inside = f" in {where}" if where else ""
        near = did_you_mean(name, names)
        return f"there is no field {name[:MOST_SHOWN]!r}{inside}{near or ', only ' + ', '.join(names)}"
    sent = str(no_choice["sent"]).strip("'")[:MOST_SHOWN] if no_choice is not None else ""
    return f"{where or 'it'}: {sent!r} is none of {', '.join(names)}"


def _known(type: inspect.Type, place: str, *, of_struct: bool) -> list[str]:
    """The names of the fields, or else the words, that there may be at a place (`.a[0].b`) of a type."""
    at: list[inspect.Type] = [type]
    for step in STEP.finditer(place):
        at = [inner for one in at for inner in _inside(one, step[1])]
    found: list[str] = []
    for one in at:
        if of_struct and isinstance(one, inspect.StructType):
            found += [field.encode_name for field in one.fields]
        elif not of_struct and isinstance(one, inspect.LiteralType):
            found += [str(value) for value in one.values]
        elif not of_struct and isinstance(one, inspect.EnumType):
            found += [str(member.value) for member in one.cls]
    return found


def _inside(type: inspect.Type, field: str | None) -> list[inspect.Type]:
    """What may stand in a field of a type, or, without a field, in its list or mapping."""
    found: list[Any] = []
    if isinstance(type, inspect.StructType):
        found = [one.type for one in type.fields if one.encode_name == field]
    elif isinstance(type, inspect.ListType):
        found = [type.item_type]
    elif isinstance(type, inspect.DictType):
        found = [type.value_type]
    return [inner for one in found for inner in _plain(one)]


def _plain(type: inspect.Type) -> list[inspect.Type]:
    """The alternatives of a type, without what is only told about it."""
    if isinstance(type, inspect.Metadata):
        return _plain(type.type)
    if isinstance(type, inspect.UnionType):
        return [inner for one in type.types for inner in _plain(one)]
    return [type]
