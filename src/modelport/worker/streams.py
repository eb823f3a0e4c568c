"""Answers that come piece by piece: what a generator yields, as server-sent events or plain chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any, cast

from modelport.contract.calls import NO_TOKENS, Chunk, Tokens
from modelport.contract.packed_values import PACKED, packed
from modelport.contract.signature import JSON, Operation
from modelport.dialects.codecs import checked_piece
from modelport.dialects.codecs.failures import described, trace
from modelport.sources.model_loop import come_to, may_be_awaited
from modelport.worker.answers import encode_json

EVENT_STREAM = "text/event-stream"
MESSAGES = "messages"  # stands for a media type where each piece is a message: bytes, or text
MOST_CHUNKS = 16  # of one stream in flight before the client must have taken some
MOST_BYTES = 256 << 10  # and bytes, of more than one chunk
MOST_KEPT = 64 << 20  # bytes, about, of the pieces of a text that is answered whole
PIECE_BYTES = 64  # that a piece of it takes at least


def comes_whole(kind: type[object]) -> bool:
    """True for types of which no value is a stream or is to be awaited."""
    return not (_is_iterator(kind) or may_be_awaited(kind))


def is_stream(value: Any) -> bool:
    """True for generators and other iterators, synchronous or not; lists and files are no streams."""
    return _is_iterator(cast("type[object]", type(value))) and not hasattr(value, "read")


@lru_cache(maxsize=1024)
def _is_iterator(kind: type[object]) -> bool:
    return issubclass(kind, (Iterator, AsyncIterator))


def pieces(value: Any, come_to: Callable[[Any], Any] = come_to) -> Iterator[Any]:
    """The items of a synchronous or asynchronous iterator, awaited by `come_to`.

    Closes it, whatever happens.
    """
    if isinstance(value, AsyncIterator):
        iterator = cast("AsyncIterator[Any]", value)
        try:
            while True:
                try:
                    yield come_to(anext(iterator))
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                come_to(close())
    else:
        try:
            yield from value
        finally:
            close = getattr(value, "close", None)
            if close is not None:
                close()


class Window:
    """What of one stream is on its way to its client: sizes of chunks."""

    def __init__(self) -> None:
        self._sizes: deque[int] = deque()

    @property
    def is_full(self) -> bool:
        """Whether the client must have taken some before there is another."""
        return len(self._sizes) >= MOST_CHUNKS or (bool(self._sizes) and sum(self._sizes) > MOST_BYTES)

    def put(self, size: int) -> None:
        """A chunk is sent."""
        self._sizes.append(size)

    def take(self, chunks: int) -> None:
        """The client has taken so many."""
        for _ in range(min(chunks, len(self._sizes))):
            self._sizes.popleft()


class TextBound:
    """How much of a text may be kept until it is whole."""

    def __init__(self) -> None:
        self._kept = 0

    def __call__(self, item: Any) -> Any:
        """Another piece, as it is. Raises `ValueError` if there are too many."""
        text = item if isinstance(item, str) else getattr(item, "text", "")
        self._kept += PIECE_BYTES + (len(text) if isinstance(text, str) else 0)
        if self._kept > MOST_KEPT:
            raise ValueError(f"a text of over {MOST_KEPT >> 20} MB is not kept until it is whole: stream it")
        return item


class Encoded:
    """What a stream yields as bytes on the wire, one piece after the other."""

    def __init__(self, media_type: str, allow_nan: bool):
        self._media_type = media_type
        self._allow_nan = allow_nan
        self._opening = b"["
        self.tokens = NO_TOKENS

    def piece(self, item: Any) -> bytes:
        """One item. Raises `ValueError` if it is too large."""
        data = stream_chunk(item, self._media_type, self._allow_nan)
        if self._media_type == JSON:
            data, self._opening = self._opening + data, b","
        return data

    def end(self) -> bytes:
        """What comes after the last one."""
        if self._media_type != JSON:
            return b""
        return b"]" if self._opening == b"," else b"[]"


def stream_types(media_type: str, operation: Operation) -> tuple[str, str] | None:
    """The media type of a stream, and its Content-Type; `None` if it is answered as a list.

    `media_type` is what client and model agreed on.
    """
    if media_type == "*/*" or (media_type == JSON and operation.accept is not None):
        media_type = EVENT_STREAM
    elif media_type == JSON and not operation.is_listable:  # an iterator that nobody announced
        return None
    return media_type, f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def last_of_failed(call_id: int, error: BaseException, media_type: str) -> Chunk:
    """The end of a stream whose generator has raised: the client is told in the stream itself."""
    data = event(described(error), "error") if media_type == EVENT_STREAM else b""
    counted = getattr(error, "tokens", None)  # where they were told before it went wrong
    tokens = counted if isinstance(counted, Tokens) else NO_TOKENS
    return Chunk(call_id, data, end=True, error=described(error), failure=trace(error), tokens=tokens)


def stream_chunk(item: Any, media_type: str, allow_nan: bool) -> bytes:
    """One yielded item as bytes on the wire. Raises `ValueError` if it is too large.

    An event has one `data:` line for each line of a text, and JSON for anything else. In other streams
    bytes and text go out as they are, and anything else as a line of JSON. In `application/json` it is an
    item of a list, and of messages each by itself. To another model it goes packed.
    """
    if media_type == PACKED:
        chunk = packed(item)
    elif media_type == EVENT_STREAM:
        chunk = event(_text(item, allow_nan))
    elif media_type == JSON:
        chunk = encode_json(item, allow_nan)
    elif is_bytes(item):
        chunk = bytes(item)
    elif isinstance(item, str) and media_type != "application/x-ndjson":
        chunk = item.encode()
    else:
        chunk = encode_json(item, allow_nan) + (b"" if media_type == MESSAGES else b"\n")
    return checked_piece(chunk)


def is_bytes(item: Any) -> bool:
    """Whether a piece goes out as the bytes that it is."""
    return isinstance(item, (bytes, bytearray, memoryview))


def event(data: str, name: str = "") -> bytes:
    """A server-sent event (WHATWG HTML, section 9.2). No line break in `data` can end it early."""
    lines = data.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "�").split("\n")
    head = f"event: {name}\n" if name else ""
    return (head + "".join(f"data: {line}\n" for line in lines) + "\n").encode("utf-8", "replace")


def _text(item: Any, allow_nan: bool) -> str:
    if isinstance(item, str):
        return item
    if is_bytes(item):
        return bytes(item).decode("utf-8", "replace")
    return encode_json(item, allow_nan).decode()
