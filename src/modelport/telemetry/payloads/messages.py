"""What the server and the keeper of its payload log tell each other: frames over a Unix socket pair.

A frame is its length in four bytes, the highest first, and msgpack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

MOST_BYTES = 1 << 30  # of a frame
LENGTH = 4
MOST_TRUTH = 64 << 10  # bytes of one


class Rules(msgspec.Struct, tag="rules"):
    """How the log is to be kept, which is said first. Sizes are bytes, times seconds; 0 is no limit.

    Where servers share the database that is called `store`, it is kept in one of their folders, of which
    `folder` is the first; best in that which this server had `before`. No file is added to for longer than
    `file_seconds`.
    """

    folder: str
    format: str
    max_size: int
    file_size: int
    keep_size: int
    keep_seconds: float
    store: str = ""
    before: str = ""
    file_seconds: float = 0.0


class SentFile(msgspec.Struct, array_like=True):
    """A file of a request; its content, where that is to be kept."""

    field: str
    name: str
    content_type: str
    size: int
    content: bytes | None = None


class Sample(msgspec.Struct, tag="sample"):
    """A prediction with its answer, as bytes. What is too large to be kept, or none, is `None`.

    `at` is when it was asked for, in seconds of the epoch; `version` is `None` where it is not known.
    `left_out` says of an answer why it has no body.
    """

    at: float
    model: str
    version: int | None
    verb: str
    dialect: str
    request_id: str
    by: str
    status: int
    seconds: float
    query: bytes
    content_type: str
    body: bytes | None
    body_size: int
    fields: Sequence[tuple[str, str]]
    files: Sequence[SentFile]
    answer_type: str
    answer: bytes | None
    answer_size: int
    left_out: str
    hide: Sequence[str]


class Truth(msgspec.Struct):
    """What the answer to a prediction should have been: any JSON. `at` is when it was told; 0 is now."""

    request_id: str
    truth: Any
    at: float = 0.0


class Feedback(msgspec.Struct, tag="feedback"):
    """Truths of predictions of a model that `by` has asked for, or anybody without it; `giver` gives them."""

    number: int
    model: str
    truths: Sequence[Truth]
    by: str | None
    giver: str


class Prune(msgspec.Struct, tag="prune"):
    """Remove what was kept before this time, in seconds of the epoch, of one model or of all."""

    number: int
    before: float
    model: str | None


class State(msgspec.Struct, tag="state"):
    """How is it going?"""

    number: int


class Closed(msgspec.Struct, tag="closed"):
    """Which files are not added to any more, and, if that is asked, what truths are known of each?"""

    number: int
    truths: bool = False


Message = Rules | Sample | Feedback | Prune | State | Closed


class Done(msgspec.Struct, tag="done"):
    """The answer to a message with this number. `error` says why there is none."""

    number: int
    found: dict[str, Any] = {}
    error: str = ""


class Handled(msgspec.Struct, tag="handled"):
    """How many samples were taken since the begin, written or not."""

    count: int


class Said(msgspec.Struct, tag="said"):
    """A line for the log of the server."""

    words: str


class Chosen(msgspec.Struct, tag="chosen"):
    """In which folder the log is kept. It is said first."""

    folder: str


Told = Done | Handled | Said | Chosen

encoder = msgspec.msgpack.Encoder()
messages = msgspec.msgpack.Decoder(Message)
told = msgspec.msgpack.Decoder(Told)


def framed(message: Message | Told) -> bytes:
    """A message as the bytes that are sent."""
    data = encoder.encode(message)
    return len(data).to_bytes(LENGTH, "big") + data


class Frames:
    """The frames in bytes that come in pieces."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. Raises `ValueError` for one that is too large."""
        self._bytes += data
        found: list[bytes] = []
        while len(self._bytes) >= LENGTH:
            size = int.from_bytes(self._bytes[:LENGTH], "big")
            if size > MOST_BYTES:
                raise ValueError(f"a frame of {size} bytes")
            if len(self._bytes) < LENGTH + size:
                break
            found.append(bytes(self._bytes[LENGTH : LENGTH + size]))
            del self._bytes[: LENGTH + size]
        return found
