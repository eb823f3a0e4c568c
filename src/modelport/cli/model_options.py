"""The arguments of a model as options of the command line, made from its signature."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import click

from modelport.contract.signature import Argument

NOT_IN_A_FLAG = re.compile(r"[^\w.-]+")
METAVARS = {"integer": "INTEGER", "number": "NUMBER", "boolean": "BOOLEAN", "object": "JSON", "table": "FILE"}
FORMATS = {"uri": "URL", "date": "DATE", "date-time": "TIME", "uuid": "UUID", "email": "EMAIL"}


@dataclass(frozen=True)
class ModelOption:
    """An argument and how the command line spells it.

    `shape` is what a value is: integer, number, boolean, string, array, object, table or any;
    `items` the same for the items of an array.
    """

    argument: Argument
    flag: str
    parameter: str
    shape: str
    items: str

    @property
    def is_repeated(self) -> bool:
        return self.argument.kind == "files" or self.shape == "array"


def model_options(arguments: Iterable[Argument], definitions: dict[str, Any]) -> list[ModelOption]:
    """An option for each argument but the one that the Accept header fills."""
    options: list[ModelOption] = []
    flags: set[str] = set()
    for number, argument in enumerate(a for a in arguments if a.kind != "accept"):
        stem = NOT_IN_A_FLAG.sub("-", argument.name.replace("_", "-")).strip("-.") or "argument"
        flag = f"--{stem}"
        while flag in flags:
            flag += "-2"
        flags.add(flag)
        schema = _resolved(argument.schema, definitions)
        items = schema.get("items")
        inner = _shape(_resolved(items, definitions)) if isinstance(items, dict) else "any"
        options.append(ModelOption(argument, flag, f"argument_{number}", _shape(schema), inner))
    return options


def _resolved(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference, or a choice between null and one other, comes down to."""
    for _ in range(10):
        if "$ref" in schema:
            found = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
            schema = {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
            continue
        several = cast("list[dict[str, Any]]", schema.get("anyOf") or schema.get("allOf") or [])
        rest = [one for one in several if one.get("type") != "null"]
        if len(rest) != 1 or schema.get("format") == "table":
            break
        schema = {**rest[0], **{k: v for k, v in schema.items() if k not in ("anyOf", "allOf")}}
    return schema


def _shape(schema: dict[str, Any]) -> str:
    if schema.get("format") == "table":
        return "table"
    kinds = schema.get("type", "any")
    if isinstance(kinds, list):
        kinds = next((k for k in cast("list[str]", kinds) if k != "null"), "any")
    return str(kinds)


def click_options(
    options: list[ModelOption], definitions: dict[str, Any], *, switches: bool = True
) -> list[click.Parameter]:
    """The options as click takes them. A value arrives as text: the model's own contract checks it.

    With `switches` a boolean may stand alone, and has a `--no-…` form.
    """
    taken = {option.flag for option in options}
    found: list[click.Parameter] = []
    for option in options:
        flags = [option.flag]
        # As it is sent, and as the model's own function calls it, which is how DEEPaaS's command spells it.
        for name in (option.argument.name, option.argument.parameter):
            for flag in (f"--{name}", f"--{name.replace('_', '-')}"):
                if flag not in taken and not NOT_IN_A_FLAG.search(name):
                    taken.add(flag)
                    flags.append(flag)
        found.append(_option(option, flags, definitions, switches))
        off = f"--no-{option.flag[2:]}"
        if switches and option.shape == "boolean" and off not in taken:
            found.append(click.Option([f"no_{option.parameter}", off], is_flag=True, hidden=True))
    return found


def _option(
    option: ModelOption, flags: list[str], definitions: dict[str, Any], switches: bool
) -> click.Option:
    lone_value: dict[str, Any] = {}  # what the option means without a value; none may be named otherwise
    if switches and option.shape == "boolean":
        lone_value = {"is_flag": False, "flag_value": "true"}
    return click.Option(
        [option.parameter, *flags],
        type=click.Path(exists=True, dir_okay=False, readable=True) if option.argument.is_upload else str,
        multiple=option.is_repeated,
        default=None,
        metavar=takes(option, definitions),
        help=_help(option, definitions, switches),
        **lone_value,
    )


def takes(option: ModelOption, definitions: dict[str, Any]) -> str:
    """What a value of the option is, in one word or as the list of its choices."""
    if option.argument.is_upload:
        return "FILE"
    schema = _resolved(option.argument.schema, definitions)
    shape = option.shape
    if shape == "array":
        schema = _resolved(schema.get("items") or {}, definitions)
        shape = option.items
    choices = _choices(schema)
    if choices:
        return f"[{'|'.join(choices)}]"
    return METAVARS.get(shape) or FORMATS.get(str(schema.get("format")), "TEXT")


def _choices(schema: dict[str, Any]) -> list[str]:
    return [str(choice) for choice in cast("list[Any]", schema.get("enum") or []) if choice is not None]


def _help(option: ModelOption, definitions: dict[str, Any], switches: bool) -> str:
    schema = _resolved(option.argument.schema, definitions)
    words = [str(schema["description"])] if schema.get("description") else []
    bounds = _bounds(schema)
    if bounds:
        words.append(f"[{bounds}]")
    if option.is_repeated:
        words.append("(may be given several times)")
    if switches and option.shape == "boolean":
        words.append(f"(--no-{option.flag[2:]} for false)")
    if option.argument.required:
        words.append("[required]")
    elif schema.get("default") not in (None, "", []):
        words.append(f"[default: {schema['default']}]")
    return "  ".join(words)


def _bounds(schema: dict[str, Any]) -> str:
    low = f"{schema['minimum']}<=" if "minimum" in schema else ""
    low = low or (f"{schema['exclusiveMinimum']}<" if "exclusiveMinimum" in schema else "")
    high = f"<={schema['maximum']}" if "maximum" in schema else ""
    high = high or (f"<{schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else "")
    return f"{low}x{high}" if low or high else ""


def given_texts(options: list[ModelOption], values: dict[str, Any]) -> dict[str, list[str]]:
    """What the user gave, by the argument's name. Raises `click.UsageError` for `--x` with `--no-x`."""
    given: dict[str, list[str]] = {}
    for option in options:
        value = values.get(option.parameter)
        if values.get(f"no_{option.parameter}"):
            if value is not None:
                raise click.UsageError(f"{option.flag} and --no-{option.flag[2:]} exclude each other")
            value = "false"
        if value is not None and value != ():
            given[option.argument.name] = (
                list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else [value]
            )
    return given


def option_errors(messages: dict[str, Any], options: list[ModelOption]) -> str:
    """The contract's map of messages in the words of the command line, a line for each."""
    flags = {option.argument.name: option.flag for option in options} | {"accept": "--accept"}
    lines: list[str] = []
    for name, found in messages.items():
        flag = flags.get(name, name)
        for where, message in _flat(found):
            if message == "Missing data for required field." and not where and name in flags:
                lines.append(f"Missing option {flag!r}.")
            elif name == "_schema":
                lines.append(message)
            else:
                lines.append(f"Invalid value for {flag!r}{f' at {where}' if where else ''}: {message}")
    return "\n       ".join(lines)


def _flat(found: Any, where: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(found, dict):
        for key, value in cast("dict[str, Any]", found).items():
            yield from _flat(value, where if key == "_schema" else f"{where}.{key}".lstrip("."))
    elif isinstance(found, list):
        for item in cast("list[Any]", found):
            yield from _flat(item, where)
    else:
        yield where, str(found)
