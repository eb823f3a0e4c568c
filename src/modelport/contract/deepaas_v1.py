"""Models written for DEEPaaS V1, with the functions of V2.

Source: the page "Upgrade notes" of the DEEPaaS documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from marshmallow import fields

from modelport.contract.errors import BadRequest
from modelport.contract.file_storage import file_storage

DATA = "data"
URLS = "urls"
FILES = "files"  # as V1's functions find the files of `data`
EITHER = "You must provide either 'urls' or 'data' in the payload"
NOTES = "modelport check --upgrade says what to write instead"


class FirstVersion:
    """A model of V1 that has functions of V2; what none of them replaces is the model's own."""

    def __init__(self, model: Any, functions: Mapping[str, Callable[..., Any]]):
        self._model = model
        vars(self).update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def with_second_functions(model: Any, problems: list[str]) -> Any:
    """The model itself, or one with V2's functions in the place of V1's, which `problems` tells of.

    What is there of V2 is used. Raises what the model's `get_train_args` raises.
    """
    functions: dict[str, Callable[..., Any]] = {}
    of_data, of_urls = _function(model, "predict_data"), _function(model, "predict_url")
    has_predict = _is_of_second(model, of_data or of_urls) or _function(model, "predict_batch")
    test_args = _function(model, "get_test_args") if _function(model, "get_predict_args") is None else None
    if test_args is not None:
        problems.append("get_test_args() of V1 (deprecated): call it get_predict_args()")
        functions["get_predict_args"] = test_args
    if (of_data or of_urls) and not has_predict:
        told = " and ".join([*["predict_data()"] * bool(of_data), *["predict_url()"] * bool(of_urls)])
        taken = " and ".join([*[DATA] * bool(of_data), *[URLS] * bool(of_urls)])
        problems.append(f"{told} of V1 (deprecated): served as predict() with {taken}; {NOTES}")
        own = test_args or _function(model, "get_predict_args")
        functions["get_predict_args"] = _predict_args(own, of_data, of_urls)
        functions["predict"] = _predict(of_data, of_urls)
    train = _function(model, "train")
    if train is not None:
        train_args = _function(model, "get_train_args")
        given: Any = train_args() if train_args is not None else {}
        is_first = "predict" in functions
        if (is_first or _has_dictionaries(given)) and takes_one_dictionary(train, given, is_first):
            problems.append(
                "train() of V1 (deprecated) takes its arguments as one dictionary: write train(**kwargs)"
            )
            functions |= {"get_train_args": lambda: given, "train": _by_dictionary(train)}
    return FirstVersion(model, functions) if functions else model


def _function(model: Any, name: str) -> Callable[..., Any] | None:
    found = getattr(model, name, None)
    return found if callable(found) else None


def _by_dictionary(function: Callable[..., Any]) -> Callable[..., Any]:
    def by_dictionary(**arguments: Any) -> Any:
        return function(arguments)

    return by_dictionary


def _has_dictionaries(arguments: Any) -> bool:
    return isinstance(arguments, Mapping) and any(
        isinstance(one, Mapping) for one in cast("Mapping[str, Any]", arguments).values()
    )


def _is_of_second(model: Any, of_first: Any) -> bool:
    """Whether the model's `predict` is V2's: modules of V1 import helpers that are called so."""
    predict = _function(model, "predict")
    if predict is None or of_first is None or _function(model, "get_predict_args") is not None:
        return predict is not None
    return getattr(predict, "__module__", None) == getattr(of_first, "__module__", None)


def takes_one_dictionary(function: Callable[..., Any], arguments: Any, any_is_one: bool = False) -> bool:
    """Whether a function has one parameter, or `*args`, and none of these `arguments` has its name.

    A function that takes anything, such as one that a decorator has made, counts as such with `any_is_one`.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C
        return False
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        kinds = [parameter.kind for parameter in parameters]
        anything = [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]
        return any_is_one and kinds == anything
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    if not needed:
        return len(parameters) == 1 and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL
    one = needed[0]
    is_named = isinstance(arguments, Mapping) and one.name in arguments
    return len(needed) == 1 and one.kind is not one.KEYWORD_ONLY and not is_named


def _predict_args(
    given: Callable[..., Any] | None, of_data: Any, of_urls: Any
) -> Callable[..., dict[str, Any]]:
    """What asks for the arguments of `predict`: the data and the URLs, then the model's own."""

    def get_predict_args() -> dict[str, Any]:
        both = bool(of_data and of_urls)
        first: dict[str, Any] = {}
        if of_data:
            first[DATA] = fields.List(
                fields.Raw(), **_needed(not both),
                metadata={"type": "file", "location": "form", "description": "Files to predict on"},
            )  # fmt: skip
        if of_urls:
            first[URLS] = fields.List(
                fields.Url(require_tld=False), **_needed(not both),
                metadata={"description": "URLs of what to predict on, which the model fetches"},
            )  # fmt: skip
        found: Any = given() if given is not None else {}
        return first | {name: one for name, one in dict(found or {}).items() if name not in (*first, FILES)}

    return get_predict_args


def _needed(needed: bool) -> dict[str, Any]:
    return {"required": True} if needed else {"load_default": None}


def _predict(of_data: Any, of_urls: Any) -> Callable[..., Any]:
    """V2's `predict`, which calls V1's functions with one dictionary."""

    def predict(**arguments: Any) -> Any:
        uploads: list[Any] = arguments.pop(DATA, None) or []
        urls: list[str] = arguments.pop(URLS, None) or []
        if bool(uploads) == bool(urls):
            raise BadRequest(EITHER)
        if urls:
            return of_urls({**arguments, FILES: None, URLS: urls})
        files = [file_storage(one) for one in uploads]
        try:
            return of_data({**arguments, FILES: files, URLS: None})
        finally:
            for file in files:
                file.close()

    return predict
