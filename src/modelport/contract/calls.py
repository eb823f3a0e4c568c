"""Calls to a model and their answers, as data that crosses from the server to a worker and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from modelport.contract.signature import CallVerb
from modelport.contract.table_forms import TableForm
from modelport.contract.traces import NOWHERE, Place

OnError = Literal["keep", "fail"]
ON_ERROR: tuple[OnError, ...] = get_args(OnError)
GIVEN_UP = 499  # the status of an answer that nobody waits for
HIDDEN = "the model failed"  # what clients are told of a failure whose words are the server's alone


class Upload(msgspec.Struct, array_like=True):
    """A file part of a form, on disk."""

    field: str
    path: str
    filename: str
    content_type: str


class Batch(msgspec.Struct, omit_defaults=True, frozen=True):
    """How the rows of a body are predicted by one job.

    `source` and `answer` are forms of tables. `keep` are columns that go into the answer; with `on_error`
    "fail" the first row that fails ends the job. The model gets `chunk_rows` at once; 0 leaves that to us.
    """

    source: TableForm
    answer: TableForm
    on_error: OnError = "keep"
    keep: Sequence[str] = ()
    chunk_rows: int = 0


class Elsewhere(NamedTuple):
    """Bytes of tensors that were taken out of the memory of a client, and put there."""

    taken: int
    given: int


NOTHING_ELSEWHERE = Elsewhere(0, 0)


class Call(msgspec.Struct, omit_defaults=True, gc=False):
    """One request for the model. `body` is the request's body; `body_path` says where a large one lies.

    `fields` and `uploads` are the parts of a multipart form, in order. `alone` keeps it out of batches.
    `only_check` binds the arguments and answers with what may be shown of them, without running anything;
    `collect` makes one answer of what would be a stream. `dialect` is the API it came by, whose words
    the answer has; `request_id` is what such an answer may have to repeat. The call of a job names by `saved`
    the version of the model that it is for; without it, that is the live one. `way` are the models that have
    asked for it, the first one first, where it is a model that asks.
    `headers` are those that arguments are read from; what came several times has a line for each.
    With `batch` the body is rows, each a call of its own. `by` is the id of who has asked, if that is known;
    `trace` says where it stands in a trace (`contract.traces`), if it is in one. `client_memory` is the file
    that lists the shared memory of clients, where that may be used; what was used of it the worker notes
    `elsewhere`.
    """

    id: int
    verb: CallVerb = "predict"
    query: bytes = b""
    content_type: str = ""
    accept: str = ""
    body: bytes = b""
    body_path: str = ""
    fields: Sequence[tuple[str, str]] = ()
    uploads: Sequence[Upload] = ()
    headers: dict[str, str] = {}
    alone: bool = False
    only_check: bool = False
    collect: bool = False
    dialect: str = "v2"
    request_id: str = ""
    saved: str | None = None
    way: Sequence[str] = ()
    batch: Batch | None = None
    by: str = ""
    trace: Place = NOWHERE
    client_memory: str = ""
    elsewhere: Elsewhere = NOTHING_ELSEWHERE

    @property
    def size(self) -> int:
        """Bytes of its body in memory, and characters of its fields."""
        return len(self.body) + (sum(len(value) for _, value in self.fields) if self.fields else 0)

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether some of what it gives and takes may be in the memory of its client."""
        return bool(self.client_memory) and b"shared_memory_region" in self.body


class Tokens(NamedTuple):
    """Tokens that a model has read and written, as it has counted them itself."""

    prompt: int
    completion: int


NO_TOKENS = Tokens(0, 0)


class Answer(msgspec.Struct, omit_defaults=True, gc=False):
    """The answer to a call. With `path` the body is that file; with `stream` chunks follow.

    `failure` is set where the model failed: class name, message and traceback, for the log.
    `problem` true means that the server wraps `detail` in its own error body. `micros` are those that the
    worker had the call for; of one that is traced it may say when the model `began`, in nanoseconds of the
    epoch, and the id of its span, `span_id`: the server tells of that span then.
    `tokens` are those that the model has counted, `elsewhere` what of the client's memory was used.
    """

    id: int
    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    path: str = ""
    stream: bool = False
    reason: str = ""
    problem: bool = False
    detail: str = ""
    failure: str = ""
    micros: int = 0
    began: int = 0
    span_id: str = ""
    tokens: Tokens = NO_TOKENS
    elsewhere: Elsewhere = NOTHING_ELSEWHERE

    @property
    def is_plain(self) -> bool:
        """True for JSON that is whole and has nothing more to it."""
        if self.status != 200 or self.content_type != "application/json" or self.headers:
            return False
        return not (self.stream or self.path or self.problem or self.elsewhere is not NOTHING_ELSEWHERE)


class Chunk(msgspec.Struct, array_like=True):
    """A piece of a streamed answer; the last one has `end` set, and `error` if the model failed midway.

    Where a stream is of messages, each is one, of `text` or of bytes, and the error has a `status`.
    The last one also has the `tokens` that the model has counted, and what of the client's memory was used.
    """

    id: int
    data: bytes = b""
    end: bool = False
    error: str = ""
    failure: str = ""
    text: bool = False
    status: int = 0
    tokens: Tokens = NO_TOKENS
    elsewhere: Elsewhere = NOTHING_ELSEWHERE

    def words(self, *, hidden: bool) -> str:
        """What clients are told of its error, where the model's own words may be `hidden` from them."""
        return HIDDEN if hidden and self.failure else self.error


class Piece(msgspec.Struct, array_like=True):
    """A message that the client of a stream has sent; the last one has `end` set, and is none."""

    id: int
    data: bytes = b""
    text: bool = False
    end: bool = False


class _ListedCall(Call, array_like=True):
    """A call as jobs were stored with it at first: every field, in order. Such jobs may still wait."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Call).decode
_decode_listed = msgspec.msgpack.Decoder(_ListedCall).decode
_ARRAYS = b"\xdc\xdd" + bytes(range(0x90, 0xA0))  # what msgpack begins them with


def packed(call: Call) -> bytes:
    """A call as data that can be stored."""
    return _encode(call)


def unpacked(data: bytes) -> Call:
    """The call that was packed. Raises `msgspec.DecodeError`."""
    if data[:1] in _ARRAYS:
        return Call(**msgspec.structs.asdict(_decode_listed(data)))
    return _decode(data)
