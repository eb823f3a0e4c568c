"""What a model's `stream` takes and gives: messages of a client, one after the other, as the types it says.

A message is bytes or text. Where the type says `bytes`, binary messages are given as they come; where it
says `str`, so is text. Any other type is JSON, which comes as text; it may stand beside `bytes`, and not
beside `str`, since nobody could tell one from the other.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Annotated, Any, Union, cast, get_args, get_origin

import pydantic
from pydantic import PydanticInvalidForJsonSchema, PydanticUserError

from modelport.contract.calls import Piece
from modelport.contract.errors import ArgumentErrors, BadRequest, ModelLoadError
from modelport.contract.field_messages import error_details, field_map
from modelport.contract.hint_parts import unaliased
from modelport.contract.hints import adapter_of, bare, is_generator, is_stream_hint, unsendable
from modelport.contract.signature import Messages
from modelport.contract.verb import DEFS, moved

NAME = "stream"
AWAITED: tuple[Any, ...] = (AsyncIterator, AsyncIterable)
PLAIN: tuple[Any, ...] = (Iterator, Iterable)
WRITE = "async def stream(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[str]"
MESSAGE = "message"  # by which name words about a message begin


class PieceReader:
    """From messages to the values of one type. Raises `ModelLoadError` for a type that no message is."""

    def __init__(self, hint: Any, definitions: dict[str, Any]):
        members = _members(hint)
        self.binary = Any in members or bytes in members
        self.text = Any in members or str in members
        others = [one for one in members if one not in (Any, bytes, str)]
        self._adapter = None
        schema = None
        if others:
            together: Any = cast("Any", Union)[tuple(others)]
            if self.text:
                raise ModelLoadError(
                    f"{NAME}(): text would be str or {unaliased(together)}, and nobody can tell: take one of "
                    "them"
                )
            try:
                self._adapter = adapter_of(together)
                found = self._adapter.json_schema(ref_template=DEFS)
            except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
                raise ModelLoadError(f"{NAME}(): its pieces: {unsendable(together)}") from error
            schema = moved(found, definitions)
        self.messages = Messages(binary=self.binary, text=self.text, schema=schema)

    def read(self, piece: Piece) -> Any:
        """The value that a message is.

        Raises `BadRequest` 415 for a kind of message that the model does not take, and `ArgumentErrors`.
        """
        if not piece.text:
            if self.binary:
                return piece.data
            raise BadRequest("this model takes messages of text, and this one was binary", 415)
        if self.text:
            return piece.data.decode()
        if self._adapter is None:
            raise BadRequest("this model takes binary messages, and this one was text", 415)
        try:
            return self._adapter.validate_json(piece.data, strict=True)
        except pydantic.ValidationError as error:
            messages = {MESSAGE: field_map(error, skip=0)}
            raise ArgumentErrors(messages, error_details(error, (MESSAGE,))) from None


class Pieces:
    """What a model iterates over, with `for` or `async for`: messages as their values.

    One that is not what the model says it takes raises, once; the next ones come all the same.
    """

    def __init__(self, messages: Any, read: Callable[[Piece], Any]):
        self._messages = messages
        self._read = read

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._read(next(self._messages))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return self._read(await anext(self._messages))


def pieces_parameter(function: Any, hints: dict[str, Any]) -> tuple[str, Any, bool] | None:
    """The parameter that gets the pieces, the type of one, and whether they are awaited.

    It is the first one, if its hint is an iterator; `None` if it is not: then the function is something else.
    """
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.name not in hints:
        return None
    hint = bare(hints[first.name])
    kind = get_origin(hint) or hint
    if kind not in AWAITED and kind not in PLAIN:
        return None
    parts = get_args(hint)
    return first.name, parts[0] if parts else Any, kind in AWAITED


def given(function: Any, returns: Any) -> Messages:
    """What the messages of such a function are. Raises `ModelLoadError` if it yields none."""
    if not (is_generator(function) or is_stream_hint(returns)):
        raise ModelLoadError(f"{NAME}() yields nothing: write it as {WRITE}, with yield")
    parts = get_args(bare(returns)) if is_stream_hint(returns) else ()
    members = _members(parts[0]) if parts else [Any]
    return Messages(
        binary=Any in members or bytes in members,
        text=Any in members or str in members,
        schema=None if all(one in (bytes, str) for one in members) else {},
    )


def _members(hint: Any) -> list[Any]:
    """The types that a hint may be."""
    hint = unaliased(hint)
    if get_origin(hint) is Annotated:
        return [hint] if bare(hint) not in (bytes, str) else [bare(hint)]
    if get_origin(hint) in (Union, types.UnionType):
        return [member for one in get_args(hint) for member in _members(one)]
    return [hint]
