"""From what a model answers, or yields, to flat JSON.

A text is `text_output`; of an object each member is one of the answer's own, its `text` the `text_output`;
anything else is `output`. A stream that comes whole is the text of its pieces, or the list of them where they
are no texts.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import msgspec

from modelport.contract.calls import NO_TOKENS
from modelport.contract.plain import key_text, plain
from modelport.dialects.codecs import Give, checked_piece

TEXT, OUTPUT = "text_output", "output"


class Head(msgspec.Struct):
    """What every answer repeats, as the server and the request have said it."""

    model_name: str
    model_version: str
    id: str = ""

    def members(self) -> dict[str, Any]:
        """Those that say something."""
        shown = {"model_name": self.model_name, "model_version": self.model_version, "id": self.id}
        return {name: text for name, text in shown.items() if text}


class Events:
    """What becomes of the pieces of a stream: an event each."""

    tokens = NO_TOKENS

    def __init__(self, head: Head, give: Give):
        self._head = head.members()
        self._give = give

    def piece(self, item: Any) -> bytes:
        """One piece. Raises `ValueError` if it is too large."""
        if isinstance(item, (bytes, bytearray, memoryview)):  # a part of a text
            item = bytes(cast("bytes", item)).decode("utf-8", "replace")
        given = self._give(item)
        outputs = whole_of(given.value, streams=False, content_of=given.content_of)
        return checked_piece(event_of(given.json_of(self._head | outputs)))

    def end(self) -> bytes:
        """Nothing: the last piece is the last event."""
        return b""


def event_of(json: bytes) -> bytes:
    """JSON as an event of a stream."""
    return b"data: %b\n\n" % json


def whole_of(value: Any, *, streams: bool, content_of: Callable[[Any], bytes | None]) -> dict[str, Any]:
    """The members of an answer that is whole. `content_of` has the bytes of a file; `None` for others."""
    content = content_of(value)
    if content is not None:
        return {OUTPUT: base64.b64encode(content).decode()}
    shown = plain(value)
    if not (streams and isinstance(shown, list)):
        return outputs_of(shown)
    pieces = [outputs_of(one) for one in cast("list[Any]", shown)]
    texts = [one.get(TEXT) for one in pieces]
    if all(isinstance(one, str) for one in texts):
        return {TEXT: "".join(cast("list[str]", texts))}
    return {OUTPUT: shown}


def outputs_of(value: Any) -> dict[str, Any]:
    """The members that plain data is."""
    if isinstance(value, str):
        return {TEXT: value}
    if not isinstance(value, dict):
        return {OUTPUT: value}
    members = {key_text(name): one for name, one in cast("dict[Any, Any]", value).items()}
    if TEXT not in members and isinstance(members.get("text"), str):
        members = {TEXT: members.pop("text"), **members}
    return members
