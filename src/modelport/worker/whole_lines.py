"""What several threads of a job print comes out line by line, as each of them meant it."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any

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
        self._kept: dict[int, str] = {}
        self._writing = threading.RLock()  # a signal's handler may print in the middle of a print

    def write(self, text: str, /) -> int:
        me = threading.get_ident()
        with self._writing:
            waiting = self._kept.get(me, "") + text
            if threading.active_count() == 1 or len(waiting) > MAX_KEPT:
                self._kept[me] = ""
                super().write(waiting)
                return len(text)
            whole, newline, self._kept[me] = waiting.rpartition("\n")
            if newline:
                super().write(whole + newline)
        return len(text)

    def flush(self) -> None:
        me = threading.get_ident()
        with self._writing:
            kept = self._kept.get(me)
            if kept:
                self._kept[me] = ""
                super().write(kept)
            super().flush()

    def flush_all(self) -> None:
        """Write what threads left without an end of line."""
        with self._writing:
            for me, kept in self._kept.items():
                if kept:
                    super().write(kept + "\n")
                    self._kept[me] = ""
            super().flush()


def keep_lines_whole() -> list[WholeLines]:
    """Make stdout and stderr of this process such streams, where they can be."""
    made: list[WholeLines] = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # else the model has put something else in its place
            stream.flush()
            made.append(WholeLines(stream))
            setattr(sys, name, made[-1])
    return made
