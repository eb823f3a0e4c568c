"""A value that somebody wrote, as the setting it is for has it: of its type, and within its range."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, cast

from modelport.settings.declaring import DECLARED, Declared
from modelport.settings.settings import Settings

WANTED: dict[Any, str] = {list: "a list of texts", dict: "a table of texts, or texts such as NAME=VALUE"}
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


class SettingsError(ValueError):
    """A setting that cannot be used: its name, what is wrong with it, and what it takes."""


@functools.cache
def setting_types() -> Mapping[str, Any]:
    """The type of each setting by its name."""
    hints = typing.get_type_hints(Settings)
    return types.MappingProxyType({field.name: hints[field.name] for field in setting_fields()})


@functools.cache
def setting_fields() -> tuple[dataclasses.Field[Any], ...]:
    """The fields of `Settings` that are settings, in their order."""
    return tuple(field for field in dataclasses.fields(Settings) if DECLARED in field.metadata)


@functools.cache
def declarations() -> Mapping[str, Declared]:
    """How each setting is declared, by its name."""
    return types.MappingProxyType({field.name: field.metadata[DECLARED] for field in setting_fields()})


def checked_setting(name: str, value: Any, where: str) -> Any:
    """The value of a setting in its own type and within its range. `where` is where the user wrote it.

    Raises `SettingsError`.
    """
    kind = setting_types()[name]
    known = declarations()[name]
    shown = "the value" if known.secret else repr(value)
    if isinstance(kind, types.UnionType):
        if value is None or value == "":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    try:
        ready: Any = _table(value, known) if typing.get_origin(kind) is dict else _converted(kind, value)
    except (ValueError, TypeError):
        raise SettingsError(f"{where}: {shown} {_not_of(kind, known, value)}") from None
    if known.normal is not None:
        ready = known.normal(ready)
    wrong = known.out_of_range(ready)
    if wrong:
        raise SettingsError(f"{where}: {shown} {wrong}")
    return ready


def _not_of(kind: Any, known: Declared, value: Any) -> str:
    """Why a value is not of its type; of a number or a switch in place of a text, what form that has."""
    wanted = WANTED.get(typing.get_origin(kind)) or f"a value of type {kind.__name__}"
    if kind is not str or not isinstance(value, (int, float)):
        return f"is not {wanted}"
    return known.out_of_range(str(value)) or f"is not {wanted}; write it in quotes"


def _converted(kind: Any, value: Any) -> Any:
    if typing.get_origin(kind) is list:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in cast("list[Any]", value)):
            return list(cast("list[str]", value))
        raise TypeError
    if kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in TRUE + FALSE:
            return value.lower() in TRUE
        raise TypeError
    if kind is str:
        if not isinstance(value, str) or "\0" in value:
            raise TypeError
        return value
    if isinstance(value, bool) or (isinstance(value, str) and not value.isascii()):
        raise TypeError
    if kind is int and isinstance(value, float):
        raise TypeError  # int() would cut it
    return kind(value)


def _table(value: Any, known: Declared) -> dict[str, str]:
    """Names and texts, from a table or from texts `NAME=VALUE`; a number in a table is its text."""
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        pairs: list[tuple[Any, Any]] = list((known.rows_of(table) if known.rows_of else table).items())
    else:
        texts = value.split(",") if isinstance(value, str) else list(cast("list[Any]", value))
        way = str.rpartition if known.names_have_equals else str.partition
        split = [way(text.strip(), "=") for text in texts if text.strip()]
        if not all(equals for _, equals, _ in split):
            raise TypeError
        pairs = [(name, text) for name, _, text in split]
    if not all(isinstance(name, str) and type(text) in (str, int, float) for name, text in pairs):
        raise TypeError
    return {name: str(text) for name, text in pairs}
