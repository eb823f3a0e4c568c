"""What several threads of a job print comes out line by line, as each of them meant it."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any, TypeVar

Who = tuple[int, str]  # a thread, and what else tells texts apart
MAX_KEPT = 65536  # a line that never ends is written in pieces


class WholeLines(io.TextIOWrapper):
    """A text stream in which lines of different threads do not mix.

    While there is one thread only, everything is written at once: what a crash cuts off was not lost.
    While there are others, each one's text waits until its line is complete or it flushes.
    """

    def __init__(self, stream: Any):
        super().__init__(
            stream.buffer, encoding=stream.encoding, errors=stream.errors, newline="\n", write_through=True
        )
        self._kept: dict[Who, str] = {}
        self._writing = threading.RLock()  # a signal's handler may print in the middle of a print

    def write(self, text: str, /) -> int:
        me = self._who()
        with self._writing:
            waiting = self._kept.pop(me, "") + text
            if threading.active_count() == 1 or len(waiting) > MAX_KEPT:
                self._out(waiting, me)
                return len(text)
            whole, newline, rest = waiting.rpartition("\n")
            if rest:
                self._kept[me] = rest
            if newline:
                self._out(whole + newline, me)
        return len(text)

    def _who(self) -> Who:
        """Whose lines are not to be mixed with others'."""
        return threading.get_ident(), ""

    def _out(self, text: str, who: Who) -> None:
        """Write what somebody has printed."""
        super().write(text)

    def flush(self) -> None:
        with self._writing:
            me = self._who()
            kept = self._kept.pop(me, "")
            if kept:
                self._out(kept, me)
            super().flush()

    def flush_all(self) -> None:
        """Write what threads left without an end of line."""
        with self._writing:
            while self._kept:
                me, kept = self._kept.popitem()
                self._out(kept + "\n", me)
            super().flush()


StreamT = TypeVar("StreamT", bound=WholeLines)


def replaced_streams(kind: type[StreamT]) -> list[StreamT]:
    """Make stdout and stderr of this process streams of a kind, where they can be."""
    made: list[StreamT] = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # else the model has put something else in its place
            stream.flush()
            made.append(kind(stream))
            setattr(sys, name, made[-1])
    return made


def keep_lines_whole() -> list[WholeLines]:
    """Make stdout and stderr of this process streams that keep lines whole."""
    return replaced_streams(WholeLines)
