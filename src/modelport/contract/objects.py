"""The object contract: any Python object with `predict`, or that can be called, as it is.

Its parameters are the arguments. The one that takes the rows is a list; the others are checked where
they are annotated, and may be anything where they are not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast, get_origin

from pydantic import PydanticSchemaGenerationError, PydanticUserError

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.findings import LIST_TYPE, Findings, no_rows
from modelport.contract.arrays.text import value_of_text
from modelport.contract.batch_calls import concurrency_of, is_async
from modelport.contract.errors import ArgumentErrors, ModelLoadError
from modelport.contract.hints import adapter_of, bare, hints_of, is_generator, is_list
from modelport.contract.metadata import metadata_of
from modelport.contract.model_options import ModelOptions
from modelport.contract.places import Places
from modelport.contract.row_columns import RowColumns
from modelport.contract.row_forms import ARRAY_PACKAGES, RowForms
from modelport.contract.served import ObjectBinding
from modelport.contract.signature import JSON, STREAM_TYPES, Operation, Signature
from modelport.contract.typed import Described
from modelport.contract.uploaded_file import is_uploaded_file
from modelport.contract.verb import Verb

SORTS = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


class ObjectModel:
    """A model of the object contract, as the worker sees it. Raises `ModelLoadError`."""

    def __init__(self, model: Any, name: str, options: ModelOptions):
        self.model = model
        self.options = options
        self.definitions: dict[str, Any] = {}
        problems: list[str] = []
        function = function_of(model, options)
        hints = _hints(function, "predict", problems)
        parameter = rows_parameter(function, hints)
        self.rows = options.rows_argument or parameter
        self.forms = RowForms(options, hints.get(parameter)) if parameter else None
        self.columns = RowColumns(options.columns) if options.validate_columns and options.columns else None
        if parameter:
            optional = inspect.signature(function).parameters[parameter].default is None
            hints[parameter] = (
                _rows_hint(hints.get(parameter)) | None if optional else _rows_hint(hints.get(parameter))
            )
            if self.rows != parameter:
                function = _renamed(function, parameter, self.rows)
                hints[self.rows] = hints.pop(parameter)
        hints = _sendable(hints, "predict", problems)
        self.verbs = {"predict": Verb(function, "predict", self.definitions, hints, False, [])}
        for verb in ("train", "validate"):
            if callable(getattr(model, verb, None)):
                other = getattr(model, verb)
                known = _sendable(_hints(other, verb, problems), verb, problems)
                self.verbs[verb] = Verb(other, verb, self.definitions, known, False, [])
        self.signature = Signature(
            name=name,
            contract="object",
            metadata=metadata_of(Described(model, name), name, problems),
            definitions=self.definitions,
            problems=problems,
            predict=self._operation("predict"),
            train=self._operation("train"),
            validate=self._operation("validate"),
        )

    def _operation(self, verb: str) -> Operation:
        found = self.verbs.get(verb)
        if found is None:
            return Operation()
        function = function_of(self.model, self.options)
        streams = verb == "predict" and is_generator(function)
        media_types = [*STREAM_TYPES] if streams else [JSON]
        return Operation(
            implemented=True,
            arguments=found.arguments,
            streams=streams,
            media_types=media_types,
            takes_base64=True,
            max_concurrency=concurrency_of(self.model, function) if verb == "predict" else 1,
            is_async=verb == "predict" and is_async(function),
        )

    def setup(self) -> None:
        """Nothing: what such an object calls so is something of its own."""

    def warm(self) -> Any:
        return self.model.warm() if callable(getattr(self.model, "warm", None)) else None

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        found = self.verbs.get(verb)
        if found is None:
            return {}
        if verb != "predict" or not self.rows:
            return found.bind(places)
        try:
            arguments = found.bind(self._read_rows(places))
        except ArgumentErrors as error:
            if error.messages.get(self.rows) == [LIST_TYPE[1]]:
                error.messages[self.rows] = [no_rows(self._example())[1]]
            raise
        rows = arguments.get(self.rows)
        if isinstance(rows, list) and self.forms is not None:
            arguments[self.rows] = self._formed(cast("list[Any]", rows), self.forms)
        return arguments

    def _example(self) -> str:
        """Rows as they are sent, for a message."""
        cells = [f'"{column.name}": …' for column in self.options.columns]
        return f"[{{{', '.join(cells)}}}]" if cells else "[[1, 2], [3, 4]]"

    def object_binding(self, verb: str) -> ObjectBinding | None:
        return None  # rows are read before, and formed afterwards

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        return None

    def _read_rows(self, places: Places) -> Places:
        """The request with rows that came as text read as JSON."""
        place, given = places.find(self.rows)
        if place not in ("query", "form"):
            return places
        found = Findings()
        if any(is_uploaded_file(text) for text in given):
            found.add((self.rows,), LIST_TYPE)
            found.raise_if_any()
        value = value_of_text(given, Input(name=self.rows, dtype="", shape=[None]), self.rows, found)
        found.raise_if_any()
        rest = {key: values for key, values in places.query.items() if key != self.rows}
        form = {key: values for key, values in places.form.items() if key != self.rows}
        json = places.json | {self.rows: value}
        read = Places(rest, form, json, places.headers, places.accept)
        read.unread, read.lenient, read.ignored = places.unread, places.lenient, places.ignored
        return read

    def _formed(self, rows: list[Any], forms: RowForms) -> Any:
        found = Findings()
        if self.columns is not None:
            rows, errors = self.columns.converted(rows, self.rows)
            found.extend(errors)
            found.raise_if_any()
        ready = forms.of(rows, self.rows, found)
        found.raise_if_any()
        return ready

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        found = self.verbs.get(verb)
        if found is None:
            raise NotImplementedError(f"Not implemented by underlying model (loaded {self.signature.name!r})")
        return found.function(**arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        return [self.call("predict", arguments) for arguments in calls]

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        return value

    def check_values(self, value: Any) -> Any:
        return value


def function_of(model: Any, options: ModelOptions) -> Callable[..., Any]:
    """What predicts: the method that the options name, `predict`, or the object itself.

    Raises `ModelLoadError` if there is none of these.
    """
    name = options.predict_method or "predict"
    function = getattr(model, name, None)
    if callable(function):
        return cast("Callable[..., Any]", function)
    if options.predict_method not in ("", "__call__") or not callable(model):
        raise ModelLoadError(f"a {type(model).__name__} has no method {name}(), and cannot be called")
    return cast("Callable[..., Any]", model)


def named_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that have a name; none for a function of C that does not say."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return []
    return [parameter for parameter in found.values() if parameter.kind not in SORTS]


def rows_parameter(function: Callable[..., Any], hints: dict[str, Any]) -> str:
    """The parameter that takes the rows: `X`, or the first that is a list or an array, or has no hint."""
    names = [parameter.name for parameter in named_parameters(function)]
    if "X" in names:
        return "X"
    takes = (name for name in names if name not in hints or is_list(hints[name]) or is_array(hints[name]))
    return next(takes, "")


def is_array(hint: Any) -> bool:
    """True for the arrays, tensors and frames of the libraries that have them."""
    found = bare(hint)
    module = getattr(get_origin(found) or found, "__module__", "") or ""
    return str(module).partition(".")[0] in ARRAY_PACKAGES


def _rows_hint(hint: Any) -> Any:
    return hint if hint is not None and is_list(hint) else list[Any]


def _hints(function: Callable[..., Any], verb: str, problems: list[str]) -> dict[str, Any]:
    """The hints of the parameters; none, and a problem, if they cannot be read."""
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    try:
        hints = dict(hints_of(called, verb))
    except ModelLoadError as error:
        problems.append(f"{error}; its arguments are taken as they come")
        return {}
    hints.pop("return", None)
    return hints


def _sendable(hints: dict[str, Any], verb: str, problems: list[str]) -> dict[str, Any]:
    """The hints that a client can be told; the parameters of the others take anything."""
    known: dict[str, Any] = {}
    for name, hint in hints.items():
        try:
            adapter_of(hint).json_schema()
        except (PydanticUserError, PydanticSchemaGenerationError):
            problems.append(f"{verb}(): the type of {name!r} cannot be described; it takes anything")
            continue
        known[name] = hint
    return known


def _renamed(function: Callable[..., Any], parameter: str, name: str) -> Callable[..., Any]:
    """The function with one parameter under another name."""

    def called(**arguments: Any) -> Any:
        if name in arguments:
            arguments[parameter] = arguments.pop(name)
        return function(**arguments)

    signature = inspect.signature(function)
    parameters = [
        p.replace(name=name, kind=p.KEYWORD_ONLY) if p.name == parameter else p.replace(kind=p.KEYWORD_ONLY)
        for p in signature.parameters.values()
        if p.kind not in SORTS
    ]
    cast("Any", called).__signature__ = signature.replace(parameters=parameters)
    return called
