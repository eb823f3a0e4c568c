"""The typed contract: a model whose signature is the type hints of its `predict`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Required, Union, cast, get_args, get_origin

import pydantic
from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic_core import PydanticUndefined
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from modelport.contract.deepaas import only_result
from modelport.contract.errors import AnswerInvalid, ArgumentErrors, BadRequest, ModelLoadError
from modelport.contract.kinds import File, Image, Table
from modelport.contract.media_types import best_media_type
from modelport.contract.metadata import metadata_of
from modelport.contract.model import Model
from modelport.contract.places import MISSING, Places
from modelport.contract.plain import EncodedJSON, plain
from modelport.contract.signature import JSON, STREAM_TYPES, Argument, ArgumentKind, Operation, Signature
from modelport.contract.uploaded_file import UploadedFile

DEFS = "#/$defs/{model}"
STREAMS = (Iterator, Generator, AsyncIterator, AsyncGenerator)
CONFIG = pydantic.ConfigDict(arbitrary_types_allowed=True)


class TypedModel:
    """A model of the typed contract, as the worker sees it."""

    def __init__(self, model: Any, name: str):
        self.model = model
        self.definitions: dict[str, Any] = {}
        problems: list[str] = []
        self.verbs = {verb: self._verb(verb) for verb in ("predict", "train", "validate")}
        self.answer = _answer_adapter(self.verbs["predict"])
        self.signature = Signature(
            name=name,
            contract="typed",
            metadata=metadata_of(_Described(model, name), name, problems),
            predict=self._predict_operation(),
            train=_operation(self.verbs["train"]),
            validate=_operation(self.verbs["validate"]),
            definitions=self.definitions,
            problems=problems,
        )

    def _verb(self, verb: str) -> _Verb | None:
        function = getattr(self.model, verb, None)
        return _Verb(function, verb, self.definitions) if callable(function) else None

    def _predict_operation(self) -> Operation:
        verb = self.verbs["predict"]
        batch = int(getattr(self.model, "max_batch_size", 1)) if hasattr(self.model, "predict_batch") else 1
        if verb is None:
            return Operation()
        answer = None
        if self.answer is not None:
            answer = _moved(
                self.answer.json_schema(mode="serialization", ref_template=DEFS), self.definitions
            )
        accept = next((a for a in verb.arguments if a.kind == "accept"), None)
        return Operation(
            implemented=True,
            arguments=verb.arguments,
            answer=answer,
            wrapped=self.answer is None,
            media_types=list(accept.schema.get("enum") or ["*/*"]) if accept else _media_types(verb.returns),
            streams=_is_stream(verb.returns),
            max_batch_size=batch,
            max_wait_ms=float(getattr(self.model, "max_wait_ms", 5.0)) if batch > 1 else 0.0,
        )

    def warm(self) -> None:
        if callable(getattr(self.model, "warm", None)):
            self.model.warm()

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        found = self.verbs[verb]
        return found.bind(places) if found is not None else {}

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        found = self.verbs[verb]
        if found is None:
            raise NotImplementedError(f"Not implemented by underlying model (loaded {self.signature.name!r})")
        if verb == "predict" and self.signature.predict.max_batch_size > 1:
            return only_result(self.call_batch([arguments]))
        return found.function(**arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        return self.model.predict_batch(calls)

    def check_answer(self, value: Any) -> Any:
        if self.answer is None:
            return value
        try:
            checked = self.answer.validate_python(value)
        except pydantic.ValidationError:
            checked = self._checked_plain(value)
        return EncodedJSON(self.answer.dump_json(checked))

    def _checked_plain(self, value: Any) -> Any:
        """numpy's numbers are no ints to pydantic: a second look at the answer as plain data."""
        assert self.answer is not None
        try:
            return self.answer.validate_python(plain(value))
        except pydantic.ValidationError as error:
            raise AnswerInvalid(error.errors(include_url=False, include_input=False)) from error


class _Described:
    """A typed model's `metadata` and docstring in the form of `get_metadata`."""

    def __init__(self, model: Any, name: str):
        self.model = model
        self.name = name

    def get_metadata(self) -> dict[str, Any]:
        own: Any = getattr(self.model, "get_metadata", None)
        given: dict[str, Any] = dict(
            cast("dict[str, Any]", own()) if callable(own) else getattr(self.model, "metadata", None) or {}
        )
        written = type(self.model).__doc__ if not inspect.ismodule(self.model) else self.model.__doc__
        if written is not None and written != Model.__doc__:
            given.setdefault("description", inspect.cleandoc(written))
        given.setdefault("description", f"The model {self.name}")
        return given


class _Verb:
    """One typed function: what it takes, and how a request becomes its arguments."""

    def __init__(self, function: Callable[..., Any], name: str, definitions: dict[str, Any]):
        self.function = function
        self.name = name
        hints = _hints(function, name)
        self.returns: Any = hints.pop("return", None)
        self.arguments: list[Argument] = []
        self.adapters: dict[str, TypeAdapter[Any]] = {}
        entries: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise ModelLoadError(
                    f"{name}(): the parameter {parameter.name!r} must not be positional-only"
                )
            hint = hints.get(parameter.name, Any)
            adapter = self._adapter(parameter.name, hint)
            argument = _argument(parameter, hint, adapter, definitions)
            self.arguments.append(argument)
            self.adapters[parameter.name] = adapter
            entries[parameter.name] = Required[hint] if argument.required else hint
        shape: Any = TypedDict(f"{name.title()}Arguments", entries, total=False)  # pyright: ignore
        shape.__pydantic_config__ = CONFIG
        self.whole: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self.accept = next((a for a in self.arguments if a.kind == "accept"), None)
        self.json_only = self.accept is None and not any(
            _takes_file(hints.get(a.name)) for a in self.arguments
        )

    def _adapter(self, name: str, hint: Any) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(hint, config=None if _has_config(hint) else CONFIG)
        except PydanticSchemaGenerationError as error:
            raise ModelLoadError(
                f"{self.name}(): the parameter {name!r} has a type that cannot be sent: {error}"
            ) from error

    def bind(self, places: Places) -> dict[str, Any]:
        """The arguments out of a request. Raises `ArgumentErrors` with every message at once."""
        if self.json_only and places.raw_json is not None and not places.query:
            try:
                return self.whole.validate_json(places.raw_json, strict=True)
            except pydantic.ValidationError as error:
                raise ArgumentErrors(field_map(error)) from None
        return self._bind_each(places)

    def _bind_each(self, places: Places) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for argument in self.arguments:
            name = argument.name
            place, found = places.find(name, argument.location)
            if argument.kind == "accept":
                place, found = _accept(argument, place, found, places)
            if found is MISSING:
                if argument.required:
                    errors[name] = ["Missing data for required field."]
                continue
            try:
                bound[name] = self._validated(argument, place, found)
            except pydantic.ValidationError as error:
                errors[name] = field_map(error, skip=0)
        if errors:
            raise ArgumentErrors(errors)
        return bound

    def _validated(self, argument: Argument, place: str, found: Any) -> Any:
        adapter = self.adapters[argument.name]
        if place == "json":
            if argument.kind == "value" and argument.schema.get("format") != "table":
                return adapter.validate_json(_json(found), strict=True)
            return adapter.validate_python(found)
        is_list = argument.schema.get("type") == "array" or argument.kind == "files"
        value = found if is_list else found[0]
        holds_file = any(isinstance(item, UploadedFile) for item in found)
        if holds_file or argument.is_upload:
            return adapter.validate_python(value)
        return _from_text(adapter, argument, value)


def _from_text(adapter: TypeAdapter[Any], argument: Argument, value: Any) -> Any:
    """Text out of a query string or a form; what cannot be text is read as JSON."""
    try:
        return adapter.validate_python(value) if isinstance(value, list) else adapter.validate_strings(value)
    except pydantic.ValidationError as first:
        given = cast("list[Any]", value) if isinstance(value, list) else [value]
        text: Any = given[0] if len(given) == 1 else cast("object", value)
        if isinstance(text, str) and text.lstrip()[:1] in ("[", "{", '"'):
            return adapter.validate_json(text)
        raise first


def _json(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # evaluating annotations runs the model's own code
        raise ModelLoadError(
            f"{name}(): its type hints cannot be read: {type(error).__name__}: {error}"
        ) from error


def _bare(hint: Any) -> Any:
    """The hint without Annotated and without `| None`."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        rest = [a for a in get_args(hint) if a is not type(None)]
        if len(rest) == 1:
            return _bare(rest[0])
    return hint


def _is_file(hint: Any) -> bool:
    bare = _bare(hint)
    return inspect.isclass(bare) and issubclass(bare, (File, UploadedFile))


def _takes_file(hint: Any) -> bool:
    bare = _bare(hint)
    if _is_file(bare) or (inspect.isclass(bare) and issubclass(bare, Table)):
        return True
    return any(_takes_file(a) for a in get_args(bare) if a is not hint) if get_origin(bare) else False


def _kind(name: str, hint: Any) -> ArgumentKind:
    bare = _bare(hint)
    if _is_file(bare):
        return "file"
    if get_origin(bare) in (list, tuple) and get_args(bare) and _is_file(get_args(bare)[0]):
        return "files"
    if name == "accept" and (bare is str or get_origin(bare) is Literal):
        return "accept"
    return "value"


def _has_config(hint: Any) -> bool:
    bare = _bare(hint)
    return inspect.isclass(bare) and (
        issubclass(bare, pydantic.BaseModel)
        or hasattr(bare, "__pydantic_config__")
        or hasattr(bare, "__dataclass_fields__")
        or typing.is_typeddict(bare)
    )


def _argument(
    parameter: inspect.Parameter, hint: Any, adapter: TypeAdapter[Any], definitions: dict[str, Any]
) -> Argument:
    schema = _moved(adapter.json_schema(ref_template=DEFS), definitions)
    kind = _kind(parameter.name, hint)
    schema.pop("title", None)
    has_default = parameter.default is not parameter.empty
    if not has_default:
        default = adapter.get_default_value()
        has_default = default is not None and default.value is not PydanticUndefined
    if has_default and parameter.default is not parameter.empty:
        schema["default"] = adapter.dump_python(parameter.default, mode="json", warnings=False)
    if kind == "accept" and get_origin(_bare(hint)) is Literal:
        schema["enum"] = list(get_args(_bare(hint)))
    bare = _bare(hint)
    if inspect.isclass(bare) and issubclass(bare, Table):
        schema["format"] = "table"
    return Argument(
        name=parameter.name,
        schema=schema,
        required=not has_default and kind != "accept",
        kind=kind,
        location="files" if kind in ("file", "files") else "any",
    )


def _moved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    definitions.update(schema.pop("$defs", {}))
    return schema


def _operation(verb: _Verb | None) -> Operation:
    return Operation() if verb is None else Operation(implemented=True, arguments=verb.arguments)


def _is_stream(returns: Any) -> bool:
    bare = _bare(returns)
    return (get_origin(bare) or bare) in STREAMS


def _media_types(returns: Any) -> list[str]:
    bare = _bare(returns)
    if _is_stream(bare):
        of = get_args(bare)
        return ["application/octet-stream"] if of and of[0] is bytes else list(STREAM_TYPES)
    if inspect.isclass(bare):
        if issubclass(bare, Image) or bare.__module__.startswith("PIL."):
            return ["image/png"]
        if issubclass(bare, (bytes, bytearray, memoryview, File, Path)) or hasattr(bare, "readinto"):
            return ["application/octet-stream"]
    return [JSON]


def _answer_adapter(verb: _Verb | None) -> TypeAdapter[Any] | None:
    if verb is None or verb.returns in (None, Any, type(None)):
        return None
    if _media_types(verb.returns) != [JSON] or verb.accept is not None:
        return None
    try:
        return TypeAdapter(verb.returns, config=None if _has_config(verb.returns) else CONFIG)
    except PydanticSchemaGenerationError as error:
        raise ModelLoadError(f"predict(): its return type cannot be answered as JSON: {error}") from error


def _accept(argument: Argument, place: str, found: Any, places: Places) -> tuple[str, Any]:
    given = found if place == "json" else (found[0] if place else MISSING)
    if given is not MISSING and given != "*/*":
        return "json", given
    choices: list[str] = list(argument.schema.get("enum") or [])
    if not choices:
        return ("json", places.accept) if places.accept and given is MISSING else ("", MISSING)
    default = argument.schema.get("default")
    ordered = sorted(choices, key=lambda choice: choice != default)
    chosen = best_media_type(places.accept if given is MISSING else None, ordered)
    if chosen is None:
        raise BadRequest(f"cannot answer {places.accept!r}; can answer {', '.join(ordered)}", 406)
    return "json", chosen


def field_map(error: pydantic.ValidationError, skip: int = 1) -> Any:
    """A pydantic error as webargs' map: `{"argument": ["message"]}`, nested by key and index."""
    root: dict[str, Any] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        message = "Missing data for required field." if item["type"] == "missing" else item["msg"]
        message = message.removeprefix("Value error, ")
        path = [str(step) for step in item["loc"]] or ["_schema"]
        if skip == 0:
            path = ["", *[str(step) for step in item["loc"]]]
        _put(root, path, message)
    return root[""] if skip == 0 else root


def _put(root: dict[str, Any], path: list[str], message: str) -> None:
    node = root
    for step in path[:-1]:
        below = node.get(step)
        if not isinstance(below, dict):
            below = {} if below is None else {"_schema": below}
            node[step] = below
        node = cast("dict[str, Any]", below)
    last = node.setdefault(path[-1], [])
    if isinstance(last, dict):
        cast("dict[str, Any]", last).setdefault("_schema", []).append(message)
    else:
        last.append(message)
