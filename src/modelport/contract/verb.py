"""One typed function of a model: its arguments out of its hints, and out of a request."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, Required, cast, get_args, get_origin

import msgspec
import pydantic
from pydantic import PydanticInvalidForJsonSchema, PydanticUserError, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, PydanticUndefined
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from modelport.contract.enum_literals import value_of
from modelport.contract.errors import ArgumentErrors, BadRequest, ModelLoadError
from modelport.contract.field_messages import MISSING_MESSAGE, error_details, field_map
from modelport.contract.hints import (
    CONFIG,
    adapter_of,
    argument_kind,
    bare,
    hint_of,
    hints_of,
    is_table,
    parameters_of,
    takes_file,
    takes_picture,
    unsendable,
)
from modelport.contract.kinds import NOT_A_FILE
from modelport.contract.media_types import best_media_type
from modelport.contract.natural_types import natural
from modelport.contract.places import MISSING, Places
from modelport.contract.plain import plain
from modelport.contract.repeated import why_repeated
from modelport.contract.served import ObjectBinding
from modelport.contract.signature import Argument
from modelport.contract.text_values import TextReader
from modelport.contract.unknown_arguments import ignored_words, unknown_arguments, unknown_messages
from modelport.contract.uploaded_file import is_uploaded_file

INSTALL_PILLOW = "pip install 'modelport[image]'"
DEFS = "#/$defs/{model}"


class Verb:
    """One typed function: what it takes, and how a request becomes its arguments.

    `hints` stand for those of the function; without `strict` JSON is converted as pydantic's lax mode does.
    `problems` gets what cannot be sent, where that is no reason not to serve the model.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        definitions: dict[str, Any],
        hints: dict[str, Any] | None = None,
        strict: bool = True,
        problems: list[str] | None = None,
    ):
        self.function = function
        self.name = name
        self.strict = strict
        hints = dict(hints_of(function, name) if hints is None else hints)
        self.returns: Any = hints.pop("return", None)
        self.arguments: list[Argument] = []
        self.adapters: dict[str, TypeAdapter[Any]] = {}
        self.readers: dict[str, TextReader] = {}
        # Defaults that only the hints or a `Field(…)` know: Python would not fill them in.
        self.defaults: dict[str, TypeAdapter[Any]] = {}
        # Python's own, for those who see the arguments as a dictionary: batches and the record of a job.
        self.plain_defaults: dict[str, Any] = {}
        entries: dict[str, Any] = {}
        for key, parameter in parameters_of(function, name, problems).items():
            hint = natural(hint_of(parameter, hints))
            if takes_picture(hint) and find_spec("PIL") is None:
                raise ModelLoadError(f"{name}(): {key!r} is a picture, which needs Pillow: {INSTALL_PILLOW}")
            adapter = self._adapter(key, hint)
            try:
                argument = _argument(parameter, hint, adapter, definitions)
            except PydanticInvalidForJsonSchema as error:
                raise ModelLoadError(f"{name}(): the parameter {key!r}: {unsendable(hint)}") from error
            self.arguments.append(argument)
            self.adapters[key] = adapter
            self.readers[key] = TextReader(hint, adapter)
            if not argument.required and not _python_default(parameter):
                self.defaults[key] = adapter
            elif not argument.required:
                self.plain_defaults[key] = parameter.default
            entries[key] = Required[hint] if argument.required else hint
        shape: Any = TypedDict(f"{name.title()}Arguments", entries, total=False)  # pyright: ignore
        shape.__pydantic_config__ = CONFIG
        self.whole: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self.accept = next((a for a in self.arguments if a.kind == "accept"), None)
        self.json_only = self.accept is None and not any(
            takes_file(hints.get(a.name)) for a in self.arguments
        )

    def _adapter(self, name: str, hint: Any) -> TypeAdapter[Any]:
        try:
            return adapter_of(hint)
        except PydanticUserError as error:
            raise ModelLoadError(f"{self.name}(): the parameter {name!r}: {unsendable(hint)}") from error

    def bind(self, places: Places) -> dict[str, Any]:
        """The arguments out of a request. Raises `ArgumentErrors` with every message at once.

        A body that is not read is refused first (`BadRequest`): what it lacks is not what is wrong with it.
        """
        if not places.unread_last:
            places.refuse_unread()
        passes = places.lenient and not self.strict  # mlup's own models have never heard of the others
        unknown: list[str] = []
        if passes:
            places.ignored.extend(ignored_words(places, self.adapters.keys(), []))
        else:
            unknown = unknown_arguments(places, self.adapters.keys())
        if self.json_only and not unknown and places.raw_json is not None and not places.query:
            return self.bind_object(places.json, places.raw_json, places.lenient)
        return self._whole(self._bind_each(places, unknown))

    def object_binding(self) -> ObjectBinding | None:
        """See `ServedModel`: an argument may be a file or be filled by a header unless all are JSON."""
        return ObjectBinding(self.adapters.keys(), self.bind_object) if self.json_only else None

    def bind_object(self, found: dict[str, Any], raw: bytes, lenient: bool = False) -> dict[str, Any]:
        """The arguments out of a JSON object of none but theirs, and its bytes. Raises `ArgumentErrors`."""
        try:
            if self.strict:
                bound = self.whole.validator.validate_json(raw, strict=not lenient)
            else:  # its words are those of Python values: a list, not an array
                bound = self.whole.validator.validate_python(found)
        except pydantic.ValidationError as error:
            raise ArgumentErrors(field_map(error), error_details(error)) from None
        return bound if len(bound) == len(self.arguments) else self._whole(bound)

    def _whole(self, bound: dict[str, Any]) -> dict[str, Any]:
        if len(bound) < len(self.arguments):
            return {**self.plain_defaults, **bound}
        return bound

    def _bind_each(self, places: Places, unknown: list[str]) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        errors, details = unknown_messages(unknown, self.adapters.keys())
        for argument in self.arguments:
            name = argument.name
            place, found = places.find(name, argument.location)
            if not self.readers[name].takes_repeated and (why := why_repeated(places, name, place, found)):
                errors[name] = [why]
                details.append({"loc": [name], "msg": why, "type": "value_error"})
                continue
            if argument.kind == "accept":
                place, found = _accept(argument, place, found, places)
            if found is MISSING:
                if argument.is_upload and _is_given(places, name):
                    errors[name] = [NOT_A_FILE]
                    details.append({"loc": [name], "msg": errors[name][0], "type": "value_error"})
                elif argument.required:
                    errors[name] = [MISSING_MESSAGE]
                    details.append({"loc": [name], "msg": "Field required", "type": "missing"})
                elif name in self.defaults:
                    self._fill_in(bound, name)
                continue
            try:
                if places.is_python and place == "json":
                    bound[name] = self._of_python(name, found)
                else:
                    bound[name] = self._validated(argument, place, found, places.lenient)
            except pydantic.ValidationError as error:
                errors[name] = field_map(error, skip=0)
                details += error_details(error, (name,))
        if errors:
            raise ArgumentErrors(errors, details)
        return bound

    def _fill_in(self, bound: dict[str, Any], name: str) -> None:
        default = self.defaults[name].get_default_value()
        if default is not None and default.value is not PydanticUndefined:
            bound[name] = default.value

    def _of_python(self, name: str, found: Any) -> Any:
        """A value of another model: as it is where it fits, such as an array, else by its form in JSON."""
        adapter = self.adapters[name]
        try:
            return adapter.validate_python(found, strict=True)
        except pydantic.ValidationError:
            return adapter.validate_json(_json(plain(found)), strict=True)

    def _validated(self, argument: Argument, place: str, found: Any, lenient: bool) -> Any:
        adapter = self.adapters[argument.name]
        if place == "json":
            if self.strict and argument.kind == "value" and argument.schema.get("format") != "table":
                return adapter.validate_json(_json(found), strict=not lenient)
            return adapter.validate_python(found)
        reader = self.readers[argument.name]
        value = found if reader.takes_several else found[0]
        holds_file = any(is_uploaded_file(item) for item in found)
        if holds_file or argument.is_upload:
            return adapter.validate_python(value)
        return reader.read(found)


def _is_given(places: Places, name: str) -> bool:
    place, found = places.find(name)
    return bool(place) and found is not None


def _python_default(parameter: inspect.Parameter) -> bool:
    """True if Python itself fills the parameter in, with a value that is no `Field(…)`."""
    return parameter.default is not parameter.empty and not isinstance(parameter.default, FieldInfo)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _argument(
    parameter: inspect.Parameter, hint: Any, adapter: TypeAdapter[Any], definitions: dict[str, Any]
) -> Argument:
    schema = moved(adapter.json_schema(ref_template=DEFS), definitions)
    kind = argument_kind(parameter.name, hint)
    schema.pop("title", None)
    has_default = _python_default(parameter)
    if not has_default:
        default = adapter.get_default_value()
        has_default = default is not None and default.value is not PydanticUndefined
    if _python_default(parameter):
        try:
            schema["default"] = adapter.dump_python(parameter.default, mode="json", warnings=False)
            msgspec.json.encode(schema["default"])
        except (PydanticSerializationError, TypeError, ValueError, RecursionError):
            schema.pop("default", None)  # Python fills it in all the same; it cannot be shown
    if kind == "accept" and get_origin(bare(hint)) is Literal:
        schema["enum"] = [value_of(choice) for choice in get_args(bare(hint))]
    if is_table(hint):
        schema["format"] = "table"
    return Argument(
        name=parameter.name,
        schema=schema,
        required=not has_default and kind != "accept",
        kind=kind,
        location="files" if kind in ("file", "files") else "any",
    )


def moved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema without its own definitions, which go to `definitions`.

    Two classes may have one name, and one class may look different when it is answered: then the later
    one gets a number.
    """
    own: dict[str, Any] = schema.pop("$defs", {})
    number = 1
    names = {name: name for name in own}
    named = own
    while any(definitions.get(name, value) != value for name, value in named.items()):
        number += 1
        names = {name: f"{name}{number}" for name in own}
        named = {names[name]: _renamed(value, names) for name, value in own.items()}
    definitions.update(named)
    return _renamed(schema, names)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """A schema with its references to `#/$defs/…` under their new names."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {
            key: _renamed_reference(item, names) if key == "$ref" else _renamed(item, names)
            for key, item in items
        }
    return [_renamed(item, names) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _renamed_reference(reference: Any, names: dict[str, str]) -> Any:
    name = str(reference).removeprefix("#/$defs/")
    return f"#/$defs/{names[name]}" if name in names else reference


def _accept(argument: Argument, place: str, found: Any, places: Places) -> tuple[str, Any]:
    given = found if place == "json" else (found[0] if place else MISSING)
    if given is not MISSING and given != "*/*":
        return "json", given
    choices: list[str] = list(argument.schema.get("enum") or [])
    if not choices:
        if given is MISSING and places.accept:
            return "json", places.accept
        return ("", MISSING) if "default" in argument.schema else ("json", "*/*")
    default = argument.schema.get("default")
    ordered = sorted(choices, key=lambda choice: choice != default)
    chosen = best_media_type(places.accept if given is MISSING else None, ordered)
    if chosen is None:
        raise BadRequest(f"cannot answer {places.accept!r}; can answer {', '.join(ordered)}", 406)
    return "json", chosen
