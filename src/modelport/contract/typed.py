"""The typed contract: a model whose signature is the type hints of its `predict`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pydantic
from pydantic import PydanticInvalidForJsonSchema, PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from modelport.contract.batch_calls import batch_problems, concurrency_of, is_async, only_result
from modelport.contract.errors import AnswerInvalid, ModelLoadError
from modelport.contract.hints import adapter_of, is_generator, is_stream_hint, media_types_of, unsendable
from modelport.contract.layout import examples_of, layouts_of
from modelport.contract.metadata import metadata_of
from modelport.contract.model import Model
from modelport.contract.natural_types import natural_form_of
from modelport.contract.pieces import Pieces
from modelport.contract.places import Places
from modelport.contract.plain import plain
from modelport.contract.served import ObjectBinding
from modelport.contract.signature import JSON, OF_TEXT, VERBS, Operation, Signature
from modelport.contract.stream_verb import StreamVerb, stream_verb_of
from modelport.contract.text_verbs import text_operation, text_verbs_of
from modelport.contract.verb import DEFS, Verb, moved

UNSEEN = ("metadata", "serialization", "default", "config", "expected")  # parts of a schema that are no types


class TypedModel:
    """A model of the typed contract, as the worker sees it."""

    def __init__(self, model: Any, name: str):
        self.model = model
        self.definitions: dict[str, Any] = {}
        problems: list[str] = []
        written_for_us = isinstance(model, Model) or inspect.ismodule(model)
        noted = None if written_for_us else problems
        self.verbs: dict[str, Verb | None] = {verb: self._verb(verb, noted) for verb in VERBS}
        self._find_text_verbs(noted, problems)
        problems += batch_problems(model)
        self.answer = _answer_adapter(self.verbs["predict"])
        self.loose = self.answer is not None and _leaves_open(self.answer.core_schema)
        operations = self._operations()
        self.streams: StreamVerb | None = stream_verb_of(model, self.definitions, noted)
        self.signature = Signature(
            name=name,
            contract="typed",
            metadata=metadata_of(Described(model, name), name, problems),
            predict=operations["predict"],
            train=operations["train"],
            validate=operations["validate"],
            chat=operations["chat"],
            complete=operations["complete"],
            embed=operations["embed"],
            stream=self.streams.operation if self.streams is not None else Operation(),
            definitions=self.definitions,
            problems=problems,
            resumable=bool(getattr(model, "resumable", False)),
        )

    def _verb(self, verb: str, problems: list[str] | None) -> Verb | None:
        function = getattr(self.model, verb, None)
        return Verb(function, verb, self.definitions, problems=problems) if callable(function) else None

    def _find_text_verbs(self, noted: list[str] | None, problems: list[str]) -> None:
        """Have a verb for each function that chats, completes or embeds; one of them predicts, too."""
        for verb, name in text_verbs_of(self.model, problems).items():
            self.verbs[verb] = self.verbs["predict"] if name == "predict" else self._verb(name, noted)
            if self.verbs["predict"] is None:
                self.verbs["predict"] = self.verbs[verb]

    def _operations(self) -> dict[str, Operation]:
        """Each verb by its name, with what the model says of its forms."""
        others = {verb: _operation(self.verbs[verb]) for verb in ("train", "validate")}
        found = {"predict": self._predict_operation(), **others}
        found |= {verb: text_operation(self.verbs.get(verb)) for verb in OF_TEXT}
        if not isinstance(self.model, Model):
            return found
        for verb, layout in layouts_of(self.model, found, self.definitions).items():
            found[verb] = msgspec.structs.replace(found[verb], layout=layout)
        predicts = self.verbs["predict"]
        if predicts is not None:
            examples = examples_of(self.model, found["predict"], predicts)
            found["predict"] = msgspec.structs.replace(found["predict"], examples=examples)
        return found

    def _predict_operation(self) -> Operation:
        verb = self.verbs["predict"]
        batch = int(getattr(self.model, "max_batch_size", 1)) if hasattr(self.model, "predict_batch") else 1
        if verb is None:
            return Operation()
        answer = None
        if self.answer is not None:
            answer = moved(_answer_schema(self.answer, verb.returns), self.definitions)
        accept = next((a for a in verb.arguments if a.kind == "accept"), None)
        yields = is_generator(verb.function) and not is_stream_hint(verb.returns)
        return Operation(
            implemented=True,
            arguments=verb.arguments,
            answer=answer,
            wrapped=self.answer is None,
            media_types=list(accept.schema.get("enum") or ["*/*"])
            if accept
            else media_types_of(Iterator if yields else verb.returns),
            streams=yields or is_stream_hint(verb.returns),
            takes_base64=True,
            max_batch_size=batch,
            max_wait_ms=float(getattr(self.model, "max_wait_ms", 5.0)) if batch > 1 else 0.0,
            max_concurrency=concurrency_of(self.model, verb.function) if batch == 1 else 1,
            is_async=batch == 1 and is_async(verb.function),
        )

    def setup(self) -> Any:
        """Of what was written for modelport alone: elsewhere the name stands for other things."""
        if isinstance(self.model, Model) and callable(getattr(self.model, "setup", None)):
            return cast("Any", self.model).setup()
        return None

    def warm(self) -> Any:
        return self.model.warm() if callable(getattr(self.model, "warm", None)) else None

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        found = self.streams.verb if verb == "stream" and self.streams is not None else self.verbs.get(verb)
        return found.bind(places) if found is not None else {}

    def object_binding(self, verb: str) -> ObjectBinding | None:
        found = self.verbs.get(verb)
        return found.object_binding() if found is not None else None

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        return None

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        if verb == "stream" and self.streams is not None:
            pieces = Pieces(arguments.pop(self.streams.parameter), self.streams.reader.read)
            return self.streams.function(pieces, **arguments)
        found = self.verbs.get(verb)
        if found is None:
            raise NotImplementedError(f"Not implemented by underlying model (loaded {self.signature.name!r})")
        if verb == "predict" and self.signature.predict.max_batch_size > 1:
            return only_result(self.call_batch([arguments]))
        return found.function(**arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        return self.model.predict_batch(calls)

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        if self.answer is None:
            return value
        if self.loose:  # pydantic looks into nothing that the hint leaves open
            value = self._ready(value)
        try:
            checked = self.answer.validator.validate_python(value)
        except pydantic.ValidationError:
            checked = self._checked_plain(value)
        try:
            return self._dumped(checked, allow_nan)
        except PydanticSerializationError:  # a NaT is a date to pydantic, until it is written
            return self._dumped(self._checked_plain(value), allow_nan)

    def check_values(self, value: Any) -> Any:
        if self.answer is None:
            return value
        try:
            checked = self.answer.validator.validate_python(value)
        except pydantic.ValidationError:
            checked = self._checked_plain(value)
        return self.answer.dump_python(checked, warnings=False)

    def _dumped(self, checked: Any, allow_nan: bool) -> Any:
        assert self.answer is not None
        if allow_nan:
            return self.answer.serializer.to_python(
                checked, mode="json", fallback=plain
            )  # pydantic's own JSON has null for NaN
        return self.answer.serializer.to_json(checked, fallback=plain)

    def _ready(self, value: Any) -> Any:
        """The value as plain data, if its type takes that. Raises `TypeError` if something would be lost."""
        assert self.answer is not None
        ready = plain(value)
        try:
            self.answer.validate_python(ready)
        except pydantic.ValidationError:
            return value
        return ready

    def _checked_plain(self, value: Any) -> Any:
        """numpy's numbers are no ints to pydantic: a second look at the answer as plain data."""
        assert self.answer is not None
        try:
            return self.answer.validate_python(plain(value))
        except pydantic.ValidationError as error:
            raise AnswerInvalid(
                error.errors(include_url=False, include_input=False), _said_of_answer(error)
            ) from error


def _said_of_answer(error: pydantic.ValidationError) -> str:
    """What does not fit the type that `predict` says it answers, without the values."""
    found = error.errors(include_url=False, include_input=False)
    said = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in found)
    return f"the model's answer does not fit the type that it declares: {'; '.join(said)}"


class Described:
    """A typed model's `metadata` and docstring in the form of `get_metadata`."""

    def __init__(self, model: Any, name: str):
        self.model = model
        self.name = name

    def get_metadata(self) -> dict[str, Any]:
        own: Any = getattr(self.model, "get_metadata", None)
        given: dict[str, Any] = dict(
            cast("dict[str, Any]", own()) if callable(own) else getattr(self.model, "metadata", None) or {}
        )
        own_words = inspect.ismodule(self.model) or inspect.isroutine(self.model)
        written = self.model.__doc__ if own_words else type(self.model).__doc__
        if written is not None and written != Model.__doc__:
            given.setdefault("description", inspect.cleandoc(written))
        given.setdefault("description", f"The model {self.name}")
        return given


def _operation(verb: Verb | None) -> Operation:
    if verb is None:
        return Operation()
    return Operation(implemented=True, arguments=verb.arguments, takes_base64=True)


def _answer_adapter(verb: Verb | None) -> TypeAdapter[Any] | None:
    if verb is None or verb.returns in (None, Any, type(None)) or is_generator(verb.function):
        return None
    if media_types_of(verb.returns) != [JSON] or verb.accept is not None:
        return None
    try:
        return adapter_of(verb.returns)
    except PydanticUserError as error:
        said = unsendable(verb.returns, answered=True)
        raise ModelLoadError(f"predict(): its return type: {said}") from error


def _answer_schema(adapter: TypeAdapter[Any], returns: Any) -> dict[str, Any]:
    try:
        return adapter.json_schema(mode="serialization", ref_template=DEFS, schema_generator=AnswerSchema)
    except PydanticInvalidForJsonSchema as error:
        raise ModelLoadError(f"predict(): its return type: {unsendable(returns, answered=True)}") from error


class AnswerSchema(GenerateJsonSchema):
    """Describes answers: an array that is a field of somebody's model has its natural form there, too."""

    def is_instance_schema(self, schema: Any) -> dict[str, Any]:
        form = natural_form_of(schema["cls"])
        return dict(form.schema) if form is not None else super().is_instance_schema(schema)


def _leaves_open(schema: Any) -> bool:
    """True if some part of a type may be anything, or has keys that may be: `dict`, `list[Any]`, …."""
    if isinstance(schema, dict):
        parts = cast("dict[str, Any]", schema)
        kind = parts.get("type")
        if kind == "any" or (kind in ("list", "set", "frozenset") and "items_schema" not in parts):
            return True
        if kind == "dict" and not ({"keys_schema", "values_schema"} <= parts.keys()):
            return True
        if kind == "dict" and parts["keys_schema"].get("type") in ("any", "union"):
            return True
        return any(_leaves_open(part) for name, part in parts.items() if name not in UNSEEN)
    return isinstance(schema, (list, tuple)) and any(map(_leaves_open, cast("list[Any]", schema)))
