"""The DEEPaaS V2 contract: a module, class or object with functions that are all optional.

Source: the page "Integrating a model into the V2 API" of the DEEPaaS documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import marshmallow as ma
from marshmallow import fields

from modelport.contract.batch_calls import batch_problems, concurrency_of, is_async, only_result
from modelport.contract.deepaas_fields import PlainFields, arguments_of, as_fields, takes_several
from modelport.contract.deepaas_v1 import with_second_functions
from modelport.contract.deepaas_values import add_causes, raw_values
from modelport.contract.errors import AnswerInvalid, ArgumentErrors, ModelLoadError
from modelport.contract.field_loading import loader_of
from modelport.contract.field_schemas import FieldSchemas
from modelport.contract.hints import is_generator
from modelport.contract.metadata import metadata_of
from modelport.contract.places import Places
from modelport.contract.plain import plain
from modelport.contract.served import ObjectBinding
from modelport.contract.signature import JSON, STREAM_TYPES, VERBS, Argument, Operation, Signature
from modelport.contract.unknown_arguments import ALWAYS, ignored_words


class DeepaasModel:
    """A model written for DEEPaaS, as the worker sees it."""

    def __init__(self, model: Any, name: str):
        self.problems = batch_problems(model)
        model = self.model = with_second_functions(model, self.problems)
        self.field_schemas = FieldSchemas()
        self.schemas = {verb: self._argument_schema(verb) for verb in VERBS}
        self.loaders = {verb: loader_of(schema) for verb, schema in self.schemas.items()}
        self.answer_schema = _answer_schema(getattr(model, "schema", None))
        metadata = metadata_of(model, name, self.problems)
        operations = {verb: self._operation(verb) for verb in VERBS}
        self._arguments = {verb: operations[verb].arguments for verb in VERBS}
        self._known = {verb: frozenset(a.name for a in operations[verb].arguments) for verb in VERBS}
        self._placed = {verb: [a for a in self._arguments[verb] if _has_one_place(a)] for verb in VERBS}
        self._several = {verb: _taking_several(self.schemas[verb]) for verb in VERBS}
        self.signature = Signature(
            name=name,
            contract="deepaas",
            metadata=metadata,
            definitions=self.field_schemas.definitions,
            problems=self.problems,
            resumable=bool(getattr(self.model, "resumable", False)),
            predict=operations["predict"],
            train=operations["train"],
            validate=operations["validate"],
        )

    def _function(self, name: str) -> Callable[..., Any] | None:
        function = getattr(self.model, name, None)
        return cast("Callable[..., Any]", function) if callable(function) else None

    def _argument_schema(self, verb: str) -> ma.Schema:
        function = self._function(f"get_{verb}_args")
        given: Any = function() if function is not None else {}
        if inspect.isclass(given) and issubclass(given, ma.Schema):
            given = given()
        if isinstance(given, ma.Schema):
            return given
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            raise ModelLoadError(
                f"get_{verb}_args() must return a dictionary of webargs fields, not {type(given).__name__}"
            )
        checked = as_fields(cast("Mapping[str, Any]", given), f"get_{verb}_args()", self.problems)
        return PlainFields.from_dict(checked, name=f"{verb.title()}Arguments")()  # pyright: ignore[reportArgumentType]

    def _operation(self, verb: str) -> Operation:
        implemented = self._function(verb) is not None or (
            verb == "predict" and self._function("predict_batch") is not None
        )
        schema = self.schemas[verb]
        arguments = arguments_of(schema, self.field_schemas, verb, self.problems)
        accept = next((a for a in arguments if a.kind == "accept"), None)
        media_types: list[str] = list(accept.schema.get("enum") or ["*/*"]) if accept else [JSON]
        streams = verb == "predict" and is_generator(self._function(verb))
        if streams and accept is None:
            media_types = [*STREAM_TYPES]
        batch = int(getattr(self.model, "max_batch_size", 1)) if self._function("predict_batch") else 1
        is_predict = verb == "predict"
        return Operation(
            implemented=implemented,
            arguments=arguments,
            answer=self._answer_description() if is_predict else None,
            wrapped=self.answer_schema is None or not is_predict,
            media_types=media_types if is_predict else [JSON],
            streams=streams,
            max_batch_size=batch if is_predict else 1,
            max_wait_ms=float(getattr(self.model, "max_wait_ms", 5.0)) if is_predict and batch > 1 else 0.0,
            max_concurrency=concurrency_of(self.model, self._function(verb)) if batch == 1 else 1,
            is_async=batch == 1 and is_async(self._function(verb)),
        )

    def _answer_description(self) -> dict[str, Any] | None:
        if self.answer_schema is None:
            return None
        return self.field_schemas.of_schema(self.answer_schema)

    def setup(self) -> None:
        """Nothing: DEEPaaS has no such function."""

    def warm(self) -> Any:
        function = self._function("warm")
        return function() if function is not None else None

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        places.ignored = ignored_words(places, self._known[verb], self._placed[verb])
        values = raw_values(self._arguments[verb], self._several[verb], places, verb)
        try:
            return self.loaders[verb].load(values)
        except ArgumentErrors as error:
            add_causes(error.messages, self._arguments[verb], places)
            raise

    def object_binding(self, verb: str) -> ObjectBinding | None:
        arguments = self._arguments[verb]
        if any(one.kind != "value" or one.location not in ("any", "json") for one in arguments):
            return None
        return ObjectBinding(self._known[verb], self.loaders[verb].load)

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        return None

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        function = self._function(verb)
        if function is None:
            if verb == "predict" and self._function("predict_batch") is not None:
                return only_result(self.call_batch([arguments]))
            raise NotImplementedError(f"Not implemented by underlying model (loaded {self.signature.name!r})")
        return function(**arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        return self.model.predict_batch(calls)

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        if self.answer_schema is None:
            return value
        ready = plain(value)
        errors = self.answer_schema.validate(ready)
        if errors:
            raise AnswerInvalid(errors)
        return ready

    def check_values(self, value: Any) -> Any:
        return self.check_answer(value)


def _has_one_place(argument: Argument) -> bool:
    return argument.location != "any" and argument.name.lower() not in ALWAYS


def _taking_several(schema: ma.Schema) -> frozenset[str]:
    """The names of the arguments that take every value of a repeated key."""
    several = ((name, field) for name, field in schema.load_fields.items() if takes_several(field))
    return frozenset(name if field.data_key is None else field.data_key for name, field in several)


def _answer_schema(schema: Any) -> ma.Schema | None:
    if schema is None:
        return None
    if inspect.isclass(schema) and issubclass(schema, ma.Schema):
        return schema()
    if isinstance(schema, ma.Schema):
        return schema
    if isinstance(schema, dict):
        entries = cast("dict[str, Any]", schema)
        wrong = [key for key, value in entries.items() if not _is_field(value)]
        if not wrong:
            return ma.Schema.from_dict(entries, name="ModelPredictionResponse")()
        raise ModelLoadError(
            f"schema: the entries {', '.join(map(repr, wrong))} are not marshmallow fields; "
            "use marshmallow.fields for each, or set schema = None"
        )
    raise ModelLoadError(
        "schema must be a dictionary of marshmallow fields, a marshmallow.Schema class or None, "
        f"not {type(schema).__name__}"
    )


def _is_field(value: Any) -> bool:
    """True for a field and, as marshmallow takes it, for a field class."""
    return isinstance(value, fields.Field) or (inspect.isclass(value) and issubclass(value, fields.Field))
