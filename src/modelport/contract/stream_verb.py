"""A model's `stream`: messages of its client come in while it gives others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from modelport.contract.batch_calls import concurrency_of, is_async
from modelport.contract.errors import ModelLoadError
from modelport.contract.hints import hints_of
from modelport.contract.pieces import NAME, WRITE, PieceReader, given, pieces_parameter
from modelport.contract.signature import Operation
from modelport.contract.verb import Verb


class StreamVerb(NamedTuple):
    """How a model streams: by which function, which of its parameters gets the pieces, and how those are
    read. `verb` binds the others.
    """

    function: Callable[..., Any]
    parameter: str
    reader: PieceReader
    verb: Verb
    operation: Operation


def stream_verb_of(model: Any, definitions: dict[str, Any], problems: list[str] | None) -> StreamVerb | None:
    """The `stream` of a model; `None` if it has none, or means something else by that name.

    With `problems` the model is somebody else's code, and what cannot be served is noted there. Otherwise
    `ModelLoadError` is raised for it.
    """
    function = getattr(model, NAME, None)
    if not callable(function):
        return None
    try:
        return _stream_verb(model, function, definitions)
    except (ModelLoadError, ValueError, TypeError) as error:
        if problems is None:
            raise
        problems.append(f"{error}; it is not served")
        return None


def _stream_verb(model: Any, function: Callable[..., Any], definitions: dict[str, Any]) -> StreamVerb | None:
    hints = hints_of(function, NAME)
    found = pieces_parameter(function, hints)
    if found is None:
        return None
    parameter, piece, awaited = found
    if is_async(function) and not awaited:
        raise ModelLoadError(f"{NAME}() is async, and {parameter!r} is not: write {WRITE}")
    reader = PieceReader(piece, definitions)
    gives = given(function, hints.pop("return", None))
    hints.pop(parameter)
    verb = Verb(_without(function, parameter), NAME, definitions, hints)
    if any(argument.is_upload for argument in verb.arguments):
        raise ModelLoadError(f"{NAME}() takes a file as an argument: its client has only the URL for these")
    operation = Operation(
        implemented=True,
        arguments=verb.arguments,
        streams=True,
        max_concurrency=concurrency_of(model, _awaited if awaited else function),
        is_async=awaited,
        pieces=parameter,
        takes=reader.messages,
        gives=gives,
    )
    return StreamVerb(function, parameter, reader, verb, operation)


async def _awaited() -> None:
    """Stands for any function that is awaited."""


def _without(function: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    """What has the other parameters of a function, for whoever looks at them; nobody calls it."""

    @functools.wraps(function)
    def others(**arguments: Any) -> Any:
        raise NotImplementedError

    signature = inspect.signature(function)
    rest = [one for one in signature.parameters.values() if one.name != parameter]
    cast("Any", others).__signature__ = signature.replace(parameters=rest)
    return others
