"""What a model's code prints: cut into lines, bounded, kept for `/v2/debug/` and written to the log."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from modelport.contract.printed_marks import Printed, printed_of
from modelport.engine.model_log import KEPT_LINES, ModelLog

log = logging.getLogger("modelport.model")

MAX_LINE = 4096
LINES_A_SECOND = 500
CALL = re.compile(r"#[0-9a-f]{1,16}")  # by its number
STDERR = "is_error"  # of a line that went to stderr, and of its record
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Lines(Protocol):
    """Who takes what a process prints, line by line."""

    def add(self, line: bytes) -> None: ...


class Output:
    """The last lines that processes of one version of a model printed; the model's log has them, too.

    The server's log gets at most `LINES_A_SECOND`.
    """

    def __init__(
        self, model: str, clock: Callable[[], float], version: int = 0, model_log: ModelLog | None = None
    ):
        self.model = model
        self._version = version
        self._model_log = model_log or ModelLog()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._clock = clock
        self._second = 0
        self._in_second = 0
        self._dropped = 0

    def add(self, line: bytes, told: Mapping[str, Any] = NOTHING) -> None:
        """Take a line; `told` is what is known of the call that has printed it, for the log."""
        text = printable(line)
        if not text:
            return  # an empty line tells nothing among those of other workers and calls
        self.lines.append(text)
        self._model_log.add(text, self._version, told)
        second = int(self._clock())
        if second != self._second:
            if self._dropped:
                log.warning("%s: %d more lines of output were not logged", self.model, self._dropped)
            self._second, self._in_second, self._dropped = second, 0, 0
        self._in_second += 1
        if self._in_second <= LINES_A_SECOND:
            log.info("%s: %s", self.model, text, extra={"model": self.model, **told})
        else:
            self._dropped += 1

    def tail(self, lines: int) -> str:
        return "\n".join(list(self.lines)[-lines:])


class WorkerOutput:
    """What one worker prints, for the output of its model: whose call it was, its marks tell.

    `name_of_call` has the id of a request by the number of its call, `pid` the id of the process.
    """

    def __init__(
        self, output: Output, token: str, name_of_call: Callable[[int], str], pid: Callable[[], int]
    ):
        self._output = output
        self._token = token
        self._name_of_call = name_of_call
        self._pid = pid

    def add(self, line: bytes) -> None:
        for text, call, principal, is_error in (
            printed_of(line, self._token) if self._token else [Printed(line)]
        ):
            name = self._name_of_call(int(call[1:], 16)) if CALL.fullmatch(call) else call
            told = {"request_id": name, "principal": principal, "worker": self._pid(), STDERR: is_error}
            self._output.add(text, told)


class LineCutter:
    """Bytes in, lines out; a line over `MAX_LINE` bytes is cut and its rest dropped.

    As on a terminal, what follows a carriage return replaces what stood before it in the line: of a
    progress bar its last state is left.
    """

    def __init__(self, take: Callable[[bytes], None]):
        self._take = take
        self._line = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._extend(part)
            self._end_line()
        self._extend(rest)

    def _extend(self, part: bytes) -> None:
        text = part.rstrip(b"\r")
        last = text.rfind(b"\r")
        if text and (last >= 0 or self._line.endswith(b"\r")):
            self._line.clear()
            self._overlong = False
            part = part[last + 1 :]
        room = MAX_LINE - len(self._line)
        if len(part) > room:
            self._overlong = True
        self._line += part[: max(room, 0)]

    def finish(self) -> None:
        """Nothing more will come: hand out what is left as a line."""
        if self._line.strip(b"\r"):
            self._end_line()

    def _end_line(self) -> None:
        self._take(bytes(self._line) + (b" [cut]" if self._overlong else b""))
        self._line.clear()
        self._overlong = False


def printable(line: bytes) -> str:
    """Text that cannot play tricks on a terminal or a log reader."""
    text = line.rstrip(b"\r").decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
