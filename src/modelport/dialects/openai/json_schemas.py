"""Whether JSON fits a schema that a client has sent: what `strict` promises of a model.

What can go wrong, and what answers it:

- *The schema says something that is not looked at here.* It is refused by its name before the model is asked,
  since the answer would promise what nobody has checked. `format` is a note, as in JSON Schema itself.
- *A schema costs more than the model.* It has so many parts, and so many patterns, at most; what it makes of
  a value takes a number of steps that grows with the text alone. Patterns are matched in linear time, by the
  expressions of Rust, which have no look-around and no back-references.
- *It refers to something else.* `$ref` reaches its own parts and nothing beside; one that leads in a circle
  ends by the number of steps, or of levels.

Source: "Structured model outputs" of OpenAI's guides, and JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from modelport.dialects.openai.errors import refused

MOST_PARTS = 5000
MOST_PATTERNS = 20
LEAST_STEPS, STEPS_A_CHARACTER = 200_000, 2
SHOWN = 100  # characters of a value in a message
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "integer": (int,), "number": (int, float),
}  # fmt: skip
NOTES = frozenset(
    {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "format"}
)
PARTS_BY_NAME = ("properties", "$defs", "definitions")
LISTS_OF_PARTS = ("anyOf", "oneOf", "allOf", "prefixItems")
PARTS = ("items", "additionalProperties")
COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# What is compared, of what there is; and the words for what it must be.
BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "at least"),
    "maximum": (lambda value, bound: value <= bound, "at most"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "more than"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "less than"),
}
SIZES = {"Items": "elements", "Length": "characters", "Properties": "members"}


class Schema:
    """A schema that was looked at. Made by `schema_of`."""

    def __init__(self, root: Any, parts: dict[str, Any], patterns: dict[str, Callable[[str], bool]]):
        self.root = root
        self.parts = parts  # by the pointers that `$ref` calls them by
        self.patterns = patterns

    def misfit(self, value: Any, size: int) -> str:
        """What is wrong first with a value, whose text has this size; nothing if it fits."""
        look = _Look(self, LEAST_STEPS + STEPS_A_CHARACTER * size)
        try:
            return next(look.at(self.root, value, ""), "")
        except (_TooLong, RecursionError):
            return "the schema takes too many steps to look at it"


def schema_of(given: Any, where: str) -> Schema:
    """A schema that can be checked. Raises `BadRequest`, which says where in the request it cannot."""
    parts: dict[str, Any] = {}
    patterns: dict[str, Callable[[str], bool]] = {}
    references: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("#", given)]
    while waiting:
        at, part = waiting.pop()
        parts[at] = part
        if len(parts) > MOST_PARTS:
            raise refused(f"{where}: a strict schema has at most {MOST_PARTS} parts", where)
        if isinstance(part, bool) and at != "#":
            continue
        here = where + at[1:].replace("/", ".")
        if not isinstance(part, dict):
            raise refused(f"{here} must be an object: a JSON Schema", where)
        fields = cast("dict[str, Any]", part)
        _check_own(fields, here, where)
        if "pattern" in fields and fields["pattern"] not in patterns:
            if len(patterns) == MOST_PATTERNS:
                raise refused(f"{where}: a strict schema has at most {MOST_PATTERNS} patterns", where)
            patterns[fields["pattern"]] = _matcher(fields["pattern"], here, where)
        if "$ref" in fields:
            references.append((here, fields["$ref"]))
        waiting += _parts_of(fields, at, here, where)
    for here, name in references:
        if name not in parts:
            raise refused(f"{here}.$ref: {name!r:.100} is no part of this schema", where)
    return Schema(given, parts, patterns)


def _parts_of(fields: dict[str, Any], at: str, here: str, where: str) -> Iterator[tuple[str, Any]]:
    """The parts of a part, with what `$ref` calls them."""
    for name in PARTS:
        if name in fields:
            yield f"{at}/{name}", fields[name]
    for name in LISTS_OF_PARTS:
        listed = fields.get(name, [None])
        if not isinstance(listed, list) or not listed:
            raise refused(f"{here}.{name} must be a list that has something in it", where)
        if name in fields:
            yield from (
                (f"{at}/{name}/{number}", one) for number, one in enumerate(cast("list[Any]", listed))
            )
    for name in PARTS_BY_NAME:
        named = fields.get(name, {})
        if not isinstance(named, dict):
            raise refused(f"{here}.{name} must be an object", where)
        for key, one in cast("dict[str, Any]", named).items():
            yield f"{at}/{name}/{key.replace('~', '~0').replace('/', '~1')}", one


def _is_type(value: Any) -> bool:
    kinds = cast("list[Any]", value if isinstance(value, list) else [value])
    return bool(kinds) and all(isinstance(kind, str) and kind in TYPES for kind in kinds)


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


# What each keyword may say, where that is no other part.
MAY_BE: dict[str, Callable[[Any], bool]] = {
    "type": _is_type,
    "enum": lambda value: isinstance(value, list),
    "required": _is_list_of_names,
    "const": lambda value: True,
    "$ref": lambda value: isinstance(value, str),
    "pattern": lambda value: isinstance(value, str),
    "uniqueItems": lambda value: isinstance(value, bool),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(COUNTS, lambda value: type(value) is int and value >= 0),
    **dict.fromkeys(NUMBERS, _is_number),
    **dict.fromkeys((*NOTES, *PARTS, *PARTS_BY_NAME, *LISTS_OF_PARTS), lambda value: True),
}


def _check_own(fields: dict[str, Any], here: str, where: str) -> None:
    """Refuse what a part says itself that is wrong, and what nobody looks at."""
    for name, value in fields.items():
        may_be = MAY_BE.get(name)
        if may_be is None:
            words = f"{here}.{name[:SHOWN]} cannot be checked here: leave it out, or ask without strict"
            raise refused(words, where)
        if not may_be(value):
            raise refused(f"{here}.{name}: {value!r:.100} is no value of it", where)


def _matcher(pattern: str, here: str, where: str) -> Callable[[str], bool]:
    """What tells whether a text has something that matches, in linear time."""
    from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        raise refused(
            f"{here}.pattern: {pattern!r:.100} is no expression that is known here", where
        ) from None

    def matches(text: str) -> bool:
        try:
            validator.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


class _TooLong(Exception):
    """It has taken more steps than it may."""


class _Look:
    """One look at a value."""

    def __init__(self, schema: Schema, steps: int):
        self._schema = schema
        self._left = steps

    def at(self, part: Any, value: Any, path: str) -> Iterator[str]:
        """What is wrong with a value at this path, the first thing first."""
        self._step()
        if isinstance(part, bool):
            if not part:
                yield f"{path or 'it'} is not in the schema"
            return
        fields = cast("dict[str, Any]", part)
        whose = path or "it"
        if "$ref" in fields:
            yield from self.at(self._schema.parts[fields["$ref"]], value, path)
        kinds = fields.get("type")
        if kinds is not None:
            named = cast("list[str]", [kinds] if isinstance(kinds, str) else kinds)
            if not any(_is(value, kind) for kind in named):
                yield f"{whose} must be of the type {' or '.join(named)}, and is {value!r:.{SHOWN}}"
                return
        if "const" in fields and not self._same(value, fields["const"]):
            yield f"{whose} must be {fields['const']!r:.{SHOWN}}, and is {value!r:.{SHOWN}}"
        if "enum" in fields and not any(self._same(value, one) for one in fields["enum"]):
            yield f"{whose} must be one of {fields['enum']!r:.{SHOWN}}, and is {value!r:.{SHOWN}}"
        yield from self._choices(fields, value, path)
        if isinstance(value, dict):
            yield from self._members(fields, cast("dict[str, Any]", value), path)
        elif isinstance(value, list):
            yield from self._elements(fields, cast("list[Any]", value), path)
        elif isinstance(value, str):
            yield from _size(fields, "Length", len(value), whose)
            if "pattern" in fields and not self._schema.patterns[fields["pattern"]](value):
                yield f"{whose} must match {fields['pattern']!r:.{SHOWN}}, and is {value!r:.{SHOWN}}"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from _bounds(fields, value, whose)

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooLong

    def _choices(self, fields: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        for part in fields.get("allOf", ()):
            yield from self.at(part, value, path)
        for name in ("anyOf", "oneOf"):
            if name not in fields:
                continue
            misfits = [next(self.at(part, value, path), "") for part in fields[name]]
            fitting = misfits.count("")
            if not fitting:
                yield misfits[0] if len(misfits) == 1 else f"{path or 'it'} fits none of {name}: {misfits[0]}"
            elif fitting > 1 and name == "oneOf":
                yield f"{path or 'it'} fits {fitting} of oneOf, and may fit one"

    def _members(self, fields: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
        for name in fields.get("required", ()):
            if name not in value:
                yield f"{path or 'it'} has no {name[:SHOWN]!r}"
        yield from _size(fields, "Properties", len(value), path or "it")
        known, others = fields.get("properties", {}), fields.get("additionalProperties", True)
        for name, one in value.items():
            below = f"{path}.{name[:SHOWN]}" if path else name[:SHOWN]
            yield from self.at(known.get(name, others), one, below)

    def _elements(self, fields: dict[str, Any], value: list[Any], path: str) -> Iterator[str]:
        yield from _size(fields, "Items", len(value), path or "it")
        first, others = fields.get("prefixItems", ()), fields.get("items", True)
        for number, one in enumerate(value):
            yield from self.at(first[number] if number < len(first) else others, one, f"{path}[{number}]")
        if fields.get("uniqueItems"):
            for number, one in enumerate(value):
                if any(self._same(one, before) for before in value[:number]):
                    yield f"{path}[{number}] is there twice"

    def _same(self, one: Any, other: Any) -> bool:
        """Whether they are equal as JSON, in which no number is a switch."""
        self._step()
        if isinstance(one, bool) or isinstance(other, bool):
            return one is other
        if isinstance(one, dict) and isinstance(other, dict):
            mine, theirs = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
            return mine.keys() == theirs.keys() and all(self._same(mine[name], theirs[name]) for name in mine)
        if isinstance(one, list) and isinstance(other, list):
            ours, others = cast("list[Any]", one), cast("list[Any]", other)
            return len(ours) == len(others) and all(map(self._same, ours, others))
        return one == other


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind]) or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )


def _size(fields: dict[str, Any], of: str, size: int, whose: str) -> Iterator[str]:
    least, most = fields.get(f"min{of}"), fields.get(f"max{of}")
    if least is not None and size < least:
        yield f"{whose} must have at least {least} {SIZES[of]}, and has {size}"
    if most is not None and size > most:
        yield f"{whose} must have at most {most} {SIZES[of]}, and has {size}"


def _bounds(fields: dict[str, Any], value: float, whose: str) -> Iterator[str]:
    for name, (holds, words) in BOUNDS.items():
        if name in fields and not holds(value, fields[name]):
            yield f"{whose} must be {words} {fields[name]}, and is {value}"
    step = fields.get("multipleOf")
    if step is not None and not _is_multiple(value, step):
        yield f"{whose} must be a multiple of {step}, and is {value}"


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        times = value / step
    except OverflowError:
        return False
    return abs(times - round(times)) <= 1e-9 * max(1.0, abs(times)) if abs(times) < 1e300 else True
