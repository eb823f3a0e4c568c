"""Type hints, asked for what they mean to a request: files, lists, streams, media types."""

from __future__ import annotations

import inspect
import types
import typing
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    MutableSequence,
    MutableSet,
    Sequence,
    Set,
)  # fmt: skip
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from modelport.contract.errors import ModelLoadError
from modelport.contract.hint_parts import unaliased
from modelport.contract.kinds import File, Image
from modelport.contract.natural_types import is_frame, is_picture, natural
from modelport.contract.signature import JSON, STREAM_TYPES, ArgumentKind
from modelport.contract.table import Table
from modelport.contract.uploaded_file import UploadedFile

CONFIG = pydantic.ConfigDict(arbitrary_types_allowed=True)
STREAMS = (Iterator, Generator, AsyncIterator, AsyncGenerator)
LISTS = (list, tuple, set, frozenset, deque, Sequence, MutableSequence, Set, MutableSet, Collection, Iterable)


SORTS = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def hints_of(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The evaluated hints of a function. Raises `ModelLoadError` if they cannot be read."""
    try:
        found = typing.get_type_hints(function, include_extras=True)
        return {parameter: unaliased(hint) for parameter, hint in found.items()}
    except Exception as error:  # evaluating annotations runs the model's own code
        raise ModelLoadError(
            f"{name}(): its type hints cannot be read: {type(error).__name__}: {error}"
        ) from error


def parameters_of(
    function: Callable[..., Any], name: str, problems: list[str] | None = None
) -> dict[str, inspect.Parameter]:
    """The parameters that can be sent by name. Raises `ModelLoadError` for one that cannot.

    Where somebody else's code is served, `problems` gets a note on `*values` and `**options` instead.
    """
    found = inspect.signature(function).parameters
    for parameter in found.values():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ModelLoadError(f"{name}(): the parameter {parameter.name!r} must not be positional-only")
        if parameter.kind in SORTS:
            named = parameter.kind is parameter.VAR_KEYWORD
            stars, what = ("**", "names") if named else ("*", "number")
            said = f"{name}(): clients cannot send {stars}{parameter.name}, of which nobody knows"
            instead = "dict[str, Any]" if named else "list[float], or of another list type"
            if problems is None:
                raise ModelLoadError(
                    f"{said} the {what}: write a parameter for each, or {parameter.name}: {instead}"
                )
            problems.append(f"{said} the {what}; calls are made without")
    return {key: parameter for key, parameter in found.items() if parameter.kind not in SORTS}


def hint_of(parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    """The hint of a parameter; rules in its default (`= Field(ge=0)`) belong to it too."""
    hint = hints.get(parameter.name, Any)
    return Annotated[hint, parameter.default] if isinstance(parameter.default, FieldInfo) else hint


def bare(hint: Any) -> Any:
    """The hint without Annotated and without `| None`."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        rest = [a for a in get_args(hint) if a is not type(None)]
        if len(rest) == 1:
            return bare(rest[0])
    return hint


def is_file(hint: Any) -> bool:
    """True for a file or a picture."""
    found = bare(hint)
    return inspect.isclass(found) and (issubclass(found, (File, UploadedFile)) or is_picture(found))


def takes_file(hint: Any) -> bool:
    """True if an upload may fill the hint, or a part of it."""
    found = bare(hint)
    if is_file(found) or is_table(found):
        return True
    return any(takes_file(a) for a in get_args(found) if a is not hint) if get_origin(found) else False


def takes_picture(hint: Any) -> bool:
    """True if a picture may fill the hint, or a part of it."""
    found = bare(hint)
    if inspect.isclass(found) and issubclass(found, Image):
        return True
    return any(takes_picture(a) for a in get_args(found) if a is not hint) if get_origin(found) else False


def is_table(hint: Any) -> bool:
    """True for a table."""
    found = bare(hint)
    return inspect.isclass(found) and (issubclass(found, Table) or is_frame(found))


def is_list(hint: Any) -> bool:
    """True if a repeated key of a query string or a form is meant for this hint."""
    found = bare(hint)
    return (get_origin(found) or found) in LISTS


def argument_kind(name: str, hint: Any) -> ArgumentKind:
    """What sort of argument a hint of this name is."""
    found = bare(hint)
    if is_file(found):
        return "file"
    if is_list(found) and get_args(found) and is_file(get_args(found)[0]):
        return "files"
    if name == "accept" and (found is str or get_origin(found) is Literal):
        return "accept"
    return "value"


def has_config(hint: Any) -> bool:
    """True for classes that carry a pydantic configuration of their own."""
    found = bare(hint)
    return inspect.isclass(found) and (
        issubclass(found, pydantic.BaseModel)
        or hasattr(found, "__pydantic_config__")
        or hasattr(found, "__dataclass_fields__")
        or is_typeddict(found)
    )


def adapter_of(hint: Any) -> TypeAdapter[Any]:
    """What checks values of a hint. Raises `PydanticSchemaGenerationError` for one that cannot be checked."""
    return TypeAdapter(natural(hint), config=None if has_config(hint) else CONFIG)


def unsendable(hint: Any, *, answered: bool = False) -> str:
    """What to write instead of a hint that JSON has no form for."""
    name = getattr(bare(hint), "__name__", None) or str(bare(hint))
    instead = (
        "a pydantic model, a dataclass or a TypedDict for an object; list[…] for several values; "
        "numpy.ndarray for an array; pandas.DataFrame for a table; modelport.File for a file"
    )
    if answered:
        return f"JSON has no form for {name}. Write {instead}; or nothing: any answer is taken then"
    return f"nobody can send {name} as JSON. Write {instead}"


def is_stream_hint(returns: Any) -> bool:
    """True for the return type of a generator."""
    found = bare(returns)
    return (get_origin(found) or found) in STREAMS


def is_generator(function: Any) -> bool:
    """True for a function that yields: it streams, whatever its return type says or does not say."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def media_types_of(returns: Any) -> list[str]:
    """The media types that a return type says, the default first."""
    found = bare(returns)
    if is_stream_hint(found):
        of = get_args(found)
        return ["application/octet-stream"] if of and of[0] is bytes else list(STREAM_TYPES)
    if inspect.isclass(found):
        if issubclass(found, Image) or found.__module__.startswith("PIL."):
            return ["image/png"]
        if issubclass(found, (bytes, bytearray, memoryview, File, Path)) or hasattr(found, "readinto"):
            return ["application/octet-stream"]
    return [JSON]
