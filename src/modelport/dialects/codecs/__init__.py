"""What a codec is, and in the modules beside, what codecs are made of: bodies, JSON, errors as data.

That of a dialect is imported when the first of its calls comes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

from modelport.contract.calls import Answer, Call, Tokens
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.dialects import part

MAX_PIECE = 16 * 1024 * 1024  # bytes of one piece of a stream on the wire


def checked_piece(data: bytes) -> bytes:
    """A piece of a stream as it is. Raises `ValueError` if it is too large."""
    if len(data) > MAX_PIECE:
        raise ValueError(f"a piece of {len(data)} bytes is over the limit of {MAX_PIECE}")
    return data


class Given(NamedTuple):
    """What a model has given as its answer: Python's own data, arrays as arrays, files and pictures.

    `content_of` has the bytes of a file or a picture, and `None` for anything else; `json_of` makes JSON of
    any value, with or without NaN, as the server is set.
    """

    value: Any
    signature: Signature
    content_of: Callable[[Any], bytes | None]
    json_of: Callable[[Any], bytes]


Give = Callable[[Any], Given]  # makes a piece of a stream what a codec sees of an answer


class PieceForm(Protocol):
    """What becomes of one stream's pieces, one after the other. Raises `ValueError` for what has no form."""

    @property
    def tokens(self) -> Tokens:
        """Those that the model has counted, once the last piece has come."""
        ...

    def piece(self, item: Any) -> bytes:
        """What is sent of a piece; empty if that is nothing yet."""
        ...

    def end(self) -> bytes:
        """What comes after the last one."""
        ...


class Codec(NamedTuple):
    """What a call of one API means in the worker.

    `read` finds its arguments, in JSON that is nested no deeper than it is told; `failed` makes an error
    its answer (with true, without the model's words), and `envelope` puts the JSON of an answer into the
    API's own form. The APIs of one model at the root have one; without it an answer looks as the model's
    contract says. `fit` puts this model's own names there. `pack` writes the data of an answer, and each
    piece of a stream, where that is no JSON; `answer` makes the whole answer, where more than its body is
    the dialect's own. With `stream`, which is asked for each one, streams have a form of its own: events, or
    messages of the `stream_type`, which the server keeps apart, and says itself how a stream has failed.
    """

    read: Callable[[Call, int], Places]
    failed: Callable[[Call, BaseException, bool], Answer]
    envelope: Callable[[bytes], bytes] | None = None
    fit: Callable[[Places, Signature], None] | None = None
    pack: Callable[[Any], bytes] | None = None
    answer: Callable[[Call, Given], Answer] | None = None
    stream: Callable[[Call, Give], PieceForm] | None = None
    stream_type: str = ""

    @property
    def is_as_contract_says(self) -> bool:
        """Whether answers look as the model's contract says, with nothing of the dialect's own."""
        return self.envelope is None and self.pack is None and self.answer is None


@cache
def codec_of(dialect: str) -> Codec:
    """The codec of a dialect, which the module of its codec has as `CODEC`."""
    return cast("Codec", part(dialect, "codec").CODEC)
