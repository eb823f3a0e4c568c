"""What a model says of the forms that are made for it: `layout` and `examples`, as data.

The page makes its form from the arguments. `layout` says in which order they stand there, in which groups,
under which labels, which are left out, and which part of the answer is shown first; `examples` are arguments
that one click fills in. Only a `modelport.Model` says them: elsewhere these names may mean anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.contract.nearest import did_you_mean
from modelport.contract.plain import plain

if TYPE_CHECKING:
    from modelport.contract.signature import Argument, Operation
    from modelport.contract.verb import Verb

DATA_URI = "data:"
PLAIN = ("string", "number", "integer", "boolean", "null")


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments that stand together under a title; `closed` until somebody opens it."""

    title: str
    arguments: list[str]
    closed: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the form of a verb looks. What it does not name stands where it would stand anyway.

    `order` names arguments that come first. `hidden` ones are not asked for, and so have their default.
    `first_output` names the member of the answer, or of each of its rows, that is shown before the others.
    """

    order: list[str] = []
    groups: list[Group] = []
    labels: dict[str, str] = {}
    hidden: list[str] = []
    first_output: str = ""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of a call that is worth trying."""

    title: str
    arguments: dict[str, Any]


def layouts_of(
    model: Any, operations: Mapping[str, Operation], definitions: Mapping[str, Any]
) -> dict[str, Layout]:
    """The layouts of a model by verb. Raises `ModelLoadError`, which names what is wrong.

    `definitions` are what the schemas of the operations refer to.
    """
    given = _dictionary(getattr(model, "layout", None), "layout", "of verbs")
    found: dict[str, Layout] = {}
    for verb, said in given.items():
        there = [name for name, operation in operations.items() if operation.implemented]
        if verb not in there:
            raise ModelLoadError(
                f"layout has {verb!r}, which is no verb of the model; it has {' and '.join(there)}"
            )
        try:
            layout = msgspec.convert(said, Layout)
        except msgspec.ValidationError as error:
            raise ModelLoadError(f"layout[{verb!r}]: {error}") from None
        where = f"layout[{verb!r}]"
        _check(layout, where, operations[verb])
        if layout.first_output:
            answer = _rows(operations[verb].answer, definitions)
            _check_first(layout.first_output, f"{where}: first_output", answer)
        found[verb] = layout
    return found


def _check(layout: Layout, where: str, operation: Operation) -> None:
    names = [argument.name for argument in operation.arguments]
    grouped = [name for group in layout.groups for name in group.arguments]
    _check_names(layout.order, f"{where}: order", names)
    _check_names(grouped, f"{where}: groups", names)
    _check_names(layout.labels, f"{where}: labels", names)
    _check_names(layout.hidden, f"{where}: hidden", names)
    for what, listed in (("order", layout.order), ("groups", grouped)):
        twice = next((name for name in listed if listed.count(name) > 1), None)
        if twice is not None:
            raise ModelLoadError(f"{where}: {what} has {twice!r} twice")
    needed = next((a.name for a in operation.arguments if a.required and a.name in layout.hidden), None)
    if needed is not None:
        raise ModelLoadError(f"{where}: hidden has {needed!r}, without which nobody can call the model")


def _check_first(given: str, where: str, answer: Mapping[str, Any]) -> None:
    """What the model says of its answer has to allow it; where it says nothing, any name may be right."""
    members = list(answer.get("properties") or {})
    if members and not answer.get("additionalProperties"):
        _check_names([given], where, members, "member of the answer")
    elif answer.get("type") in PLAIN:
        raise ModelLoadError(
            f"{where} has {given!r}, but the answer has no members: it is of type {answer['type']}"
        )


def _rows(schema: Any, definitions: Mapping[str, Any], depth: int = 10) -> dict[str, Any]:
    """What an answer's schema says of it, or of each item of a list; empty where it leaves that open."""
    if not isinstance(schema, dict) or depth == 0:
        return {}
    said = cast("dict[str, Any]", schema)
    choices = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    if "$ref" in said:
        return _rows(definitions.get(str(said["$ref"]).rpartition("/")[2]), definitions, depth - 1)
    if choices:
        return _rows(choices[0], definitions, depth - 1) if len(choices) == 1 else {}
    return _rows(said.get("items"), definitions, depth - 1) if said.get("type") == "array" else said


def _check_names(given: Iterable[str], where: str, known: list[str], what: str = "argument") -> None:
    for name in given:
        if name not in known:
            near = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise ModelLoadError(f"{where} has {name!r}, which is no {what}{near}")


def examples_of(model: Any, operation: Operation, verb: Verb) -> list[Example]:
    """The model's examples of a prediction. Raises `ModelLoadError` for one that could not be called.

    `verb` is the model's function, whose adapters look at the values. A file stands as a `data:` URI.
    """
    given = _dictionary(getattr(model, "examples", None), "examples", "of arguments by the title of each")
    found: list[Example] = []
    for title, said in given.items():
        where = f"examples[{title!r}]"
        arguments = _dictionary(said, where, "of arguments")
        _check_names(arguments, where, [argument.name for argument in operation.arguments])
        for argument in operation.arguments:
            if argument.name in arguments:
                value = _plain(arguments[argument.name], f"{where}[{argument.name!r}]")
                arguments[argument.name] = value
                _check_value(verb, argument, value, where)
            elif argument.required:
                raise ModelLoadError(
                    f"{where} lacks {argument.name!r}, without which nobody can call the model"
                )
        found.append(Example(title=title, arguments=arguments))
    return found


def _check_value(verb: Verb, argument: Argument, value: Any, where: str) -> None:
    import pydantic

    name = argument.name
    if argument.is_upload:
        files = cast("list[Any]", value) if isinstance(value, list) else [value]
        if not all(isinstance(one, str) and one.startswith(DATA_URI) for one in files):
            raise ModelLoadError(f"{where}[{name!r}] is a file, which an example has as a data: URI")
        return
    try:
        if argument.schema.get("format") == "table":
            verb.adapters[name].validate_python(value)
        else:
            verb.adapters[name].validate_json(msgspec.json.encode(value), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = "".join(f"[{step!r}]" for step in (name, *first["loc"]))
        raise ModelLoadError(f"{where}{place}: {first['msg']}") from None


def _plain(value: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(msgspec.json.encode(plain(value)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"{where} cannot be written as JSON: {error}") from None


def _dictionary(given: Any, where: str, of: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ModelLoadError(f"{where} is no dictionary {of}, but a {type(given).__name__}")
    return {str(name): value for name, value in cast("Mapping[Any, Any]", given).items()}
