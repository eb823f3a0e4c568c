"""What `modelport check` looks for: each problem of a model, with what to do about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from modelport.cli.asked_names import asked_names, circles
from modelport.cli.code_checks import Finding, StartedProcesses, misspelt_names, problems_of_defaults
from modelport.cli.missing_modules import how_to_install
from modelport.contract.errors import ModelLoadError
from modelport.contract.served import ServedModel
from modelport.contract.signature import VERBS, Operation, Signature
from modelport.contract.typed import TypedModel
from modelport.sources.model_loop import close_event_loop
from modelport.sources.source import Source, old_group_words
from modelport.worker.model_start import load_once, set_up, warm

GENERIC = "Could not load description from underlying model"


@dataclass
class Examined:
    """What was found out about a model. `error` is the exception that ended the examination, if any."""

    signature: Signature | None = None
    findings: list[Finding] = field(default_factory=list[Finding])
    error: BaseException | None = None


def examined(source: Source) -> Examined:
    """Load the model, read its contract, check it, warm it. Never raises an error of the model's."""
    result = Examined()
    started = StartedProcesses()
    try:
        model = load_once(source)
    except (ModelLoadError, SystemExit) as error:
        result.error = error
        result.findings.append(Finding("error", _said(error, source), _remedy_of_load(error)))
        return result
    result.signature = model.signature
    if words := old_group_words(source):
        result.findings.append(Finding("warning", words, "modelport check --upgrade does it, with --write"))
    result.findings += [*_problems_of_signature(model.signature), *_problems_of_functions(model)]
    result.findings += started.findings()
    step = "setup"
    try:
        set_up(model)
        step = "warm"
        warm(model)
    except ModelLoadError as error:
        result.error = error
        remedy = f"make {step}() work in this environment, or leave it out; --debug shows the traceback"
        result.findings.append(Finding("error", str(error), remedy))
    finally:
        close_event_loop()
    result.findings.sort(key=lambda finding: finding.level)
    return result


def problems_of_circles(sources: Sequence[Source]) -> Iterator[Finding]:
    """Models that ask each other in a circle, as their code says. They have been loaded."""
    asked = {source.name: asked_names(source) for source in sources}
    for circle in circles(asked):
        ways = zip(circle, [*circle[1:], circle[0]], strict=True)
        said = ", ".join(f"{name} asks {other} ({asked[name][other]})" for name, other in ways)
        yield Finding(
            "warning", f"models ask each other in a circle: {said}",
            "a call that comes back to a model that has asked for it fails: let one of them not ask",
        )  # fmt: skip


def _said(error: BaseException, source: Source) -> str:
    return f"{source}: it ended the process" if isinstance(error, SystemExit) else str(error)


def _remedy_of_load(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and "importing it failed" in str(error):
        return how_to_install(cause.name or "")
    if isinstance(cause, SyntaxError):
        return f"correct line {cause.lineno} of {cause.filename}"
    if isinstance(error, SystemExit):
        return "leave sys.exit() and the reading of command lines out of the model's module"
    if cause is not None and not isinstance(cause, ModelLoadError):
        return "correct the model's code; --debug shows the traceback"
    return "correct the source or the model as the message says"


def _problems_of_signature(signature: Signature) -> Iterator[Finding]:
    for problem in signature.problems:
        yield Finding("warning", problem, "correct the model as the message says")
    try:
        msgspec.json.encode(signature)
    except (TypeError, ValueError, RecursionError) as error:
        yield Finding(
            "error", f"its signature is no JSON: {error}", "give defaults and metadata that JSON can carry"
        )
    described = str(signature.metadata.get("description") or "")
    if described.startswith(GENERIC):
        yield Finding(
            "warning",
            "get_metadata() is missing: clients see generic metadata",
            "write get_metadata(), with at least name, description, author, license and version",
        )
    if not signature.predict.implemented:
        yield Finding(
            "warning", "predict() is missing: predictions are answered 501", "write predict(), if it can"
        )
    for verb in VERBS:
        yield from _problems_of_arguments(verb, signature.operation(verb))


def _problems_of_arguments(verb: str, operation: Operation) -> Iterator[Finding]:
    for argument in operation.arguments:
        schema = argument.schema
        choices: list[Any] = schema.get("enum") or []
        default = schema.get("default")
        what = f"{verb}(): the argument {argument.name!r}"
        if choices and default is not None and default not in choices:
            listed = ", ".join(map(str, choices))
            yield Finding(
                "warning", f"{what} has the default {default!r}, which is none of {listed}",
                "make one of its choices the default",
            )  # fmt: skip
        if isinstance(default, (int, float)) and not _within(default, schema):
            yield Finding(
                "warning", f"{what} has the default {default!r}, which is out of its own bounds",
                "change the default or the bounds",
            )  # fmt: skip
        if argument.kind == "accept" and not choices:
            yield Finding(
                "warning", f"{what} names no media types: clients cannot know what they may ask for",
                "list them: validate=validate.OneOf([…])",
            )  # fmt: skip


def _within(value: float, schema: dict[str, Any]) -> bool:
    return (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and value > schema.get("exclusiveMinimum", float("-inf"))
        and value < schema.get("exclusiveMaximum", float("inf"))
    )


def _problems_of_functions(model: ServedModel) -> Iterator[Finding]:
    """Functions that cannot be called with the arguments that their own contract promises."""
    own: Any = getattr(model, "model", None)
    yield from misspelt_names(model)
    if isinstance(model, TypedModel):
        yield from problems_of_defaults(model)
        yield from _untyped_parameters(own)
        return
    for verb in VERBS:
        operation = model.signature.operation(verb)
        function = getattr(own, verb, None)
        if operation.implemented and callable(function):
            yield from _mismatch(verb, function, [a.parameter for a in operation.arguments])


def _mismatch(verb: str, function: Callable[..., Any], promised: list[str]) -> Iterator[Finding]:
    parameters = _parameters(function)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        taken = promised
    else:
        taken = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    for name in promised:
        if name not in taken:
            yield Finding(
                "error", f"{verb}() does not take {name!r}, which get_{verb}_args() promises: "
                "every call fails",
                f"add the parameter {name!r}, or **kwargs, to {verb}()",
            )  # fmt: skip
    for parameter in parameters:
        keyword = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if keyword and parameter.default is parameter.empty and parameter.name not in promised:
            yield Finding(
                "error", f"{verb}() needs {parameter.name!r}, which get_{verb}_args() does not name: "
                "every call fails",
                f"add {parameter.name!r} to get_{verb}_args(), or give it a default",
            )  # fmt: skip


def _untyped_parameters(own: Any) -> Iterator[Finding]:
    function = getattr(own, "predict", None)
    for parameter in _parameters(cast("Any", function)) if callable(function) else []:
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if named and parameter.annotation is parameter.empty:
            yield Finding(
                "warning", f"predict(): the parameter {parameter.name!r} has no type: anything is passed on",
                "give it a type hint",
            )  # fmt: skip


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C
        return []
