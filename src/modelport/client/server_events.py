"""Reading server-sent events (WHATWG HTML, section 9.2) as their bytes arrive."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class ServerEvent:
    """One event: its name, its data, and the id to resume after."""

    name: str
    data: str
    id: str


class EventParser:
    """Feed it bytes, cut anywhere; it gives the events that are complete."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unfinished: list[str] = []  # pieces of a line that has no end yet
        self._after_return = False  # a \n now belongs to the \r before
        self._name = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end within this chunk."""
        text = self._decode(chunk)
        if self._after_return and text:
            text = text.removeprefix("\n")
            self._after_return = False
        if not text:
            return []
        self._after_return = text.endswith("\r")
        first, *others = LINE_END.split(text)
        self._unfinished.append(first)
        if not others:
            return []
        lines = ["".join(self._unfinished), *others[:-1]]
        self._unfinished = [others[-1]]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            self._data.append(value)
        elif key == "event":
            self._name = value
        elif key == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        event = ServerEvent(self._name or "message", "\n".join(self._data), self._id) if self._data else None
        self._name, self._data = "", []
        return event
