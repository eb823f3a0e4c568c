"""A thread that writes lines of a log, so that who answers requests never waits for a disk or a terminal.

What can go wrong, and what answers it:

- *Nobody reads what is written*, or the disk is slow: what waits is bounded, in lines and in bytes. What is
  beyond that is dropped, counted, and said as soon as there is room.
- *Who speaks often is slowed.* To say something is one `append`. The thread is woken by the first text after
  quiet, which is written at once; what follows is written together after a rest, by one call of the system:
  each wakes and stops those who answer requests, as one thread runs at a time.
- *The file is renamed, or removed* (logrotate): it is opened anew by its name, when somebody says so
  (`reopen`), or when it is seen; what was waiting is in either of the two. One that is cut stays open, and
  goes on at its new end (`O_APPEND`).
- *The disk is full*: the lines are lost and counted; those that follow are tried.
- *The process ends*: `close` writes what waits, for as long as it is given. What is said afterwards is
  written by who says it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import sys
import threading
from bisect import bisect_right
from collections import deque
from pathlib import Path
from time import monotonic
from typing import Any

log = logging.getLogger("modelport.telemetry")

MOST_TEXTS = 20_000  # that wait
MOST_BYTES = 8 << 20  # that they take
REST_SECONDS = 0.05
AT_ONCE = 512  # texts that are written in one step: POSIX systems take 1024
LOOK_SECONDS = 1.0  # between two looks whether the file has another name
STDERR = 2


class LogWriter:
    """Writes texts in their order to a file or to stderr.

    Any thread may `say`. `dropped` lines were lost, and that was not said yet. Raises `OSError` if the file
    cannot be opened.
    """

    def __init__(self, path: str | None):
        self._path = path
        self._file = _opened(path) if path else _stderr()
        self._waiting: deque[tuple[bytes, int]] = deque()  # texts, and of how many lines they are
        self._bytes = 0  # of those
        self.dropped = 0
        self._sizing = threading.Lock()
        self._writing = threading.RLock()  # who writes may have to say something of it
        self._fails = False  # the last write did
        self._is_awake = False
        self._woken = threading.Event()
        self._reopens = False
        self._looked = monotonic()
        self._closing = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="modelport log", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether there is something that is not being written yet."""
        return bool(self._waiting)

    def say(self, text: str, lines: int = 1) -> None:
        """Have a text written, which is of so many lines and ends with a newline."""
        said = text.encode("utf-8", "replace")
        if self._closed:
            with self._writing:
                self._write([(said, lines)])
            return
        with self._sizing:
            if len(self._waiting) >= MOST_TEXTS or self._bytes + len(said) > MOST_BYTES:
                self.dropped += lines
                return
            self._bytes += len(said)
            self._waiting.append((said, lines))
        if not self._is_awake:
            self._wake()

    def reopen(self) -> None:
        """Go on in a file that is opened anew by its name. Returns at once."""
        self._reopens = True
        self._wake()

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for no longer than this."""
        self._closing.set()
        self._wake()
        self._thread.join(seconds)
        self._closed = True

    def _wake(self) -> None:
        self._is_awake = True
        self._woken.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.wait()
            self._woken.clear()
            self._is_awake = False
            self._write_out()
            self._closing.wait(REST_SECONDS)
        self._write_out()
        self._closed = True
        self._write_out()  # what came in between

    def _write_out(self) -> None:
        """Write what waits now, and say what was dropped."""
        with self._writing:
            self._look_at_file()
            waiting = len(self._waiting)
            for written in range(0, waiting, AT_ONCE):
                self._write_first(min(AT_ONCE, waiting - written))
        if self.dropped and not self._fails:  # else once there is something that can be written again
            dropped, self.dropped = self.dropped, 0
            log.warning("%d lines of the log%s were dropped", dropped, f" {self._path}" if self._path else "")

    def _write_first(self, number: int) -> None:
        """Write the first ones that wait, so many."""
        texts = [self._waiting.popleft() for _ in range(number)]
        with self._sizing:
            self._bytes -= sum(len(text) for text, _ in texts)
        self._write(texts)

    def _write(self, texts: list[tuple[bytes, int]]) -> None:
        waiting = [memoryview(text) for text, _ in texts]
        try:
            while waiting:
                try:
                    waiting = _behind(waiting, os.writev(self._file, waiting))
                except BlockingIOError:  # somebody has made stderr so
                    select.select([], [self._file], [])
            self._fails = False
        except OSError:  # a full disk, a reader that has gone
            self._fails = True
            self.dropped += sum(lines for _, lines in texts)

    def _look_at_file(self) -> None:
        """Open the file anew if that was asked for, or if it has another name by now, or none."""
        if not self._path:
            return
        now = monotonic()
        if not self._reopens:
            if now - self._looked < LOOK_SECONDS:
                return
            with contextlib.suppress(OSError):
                if os.path.samestat(Path(self._path).stat(), os.fstat(self._file)):
                    self._looked = now
                    return
        self._reopens = False
        self._looked = now
        try:
            file = _opened(self._path)
        except OSError as error:
            log.warning("the log goes on in the file that was there: %s: %s", self._path, error.strerror)
            return
        os.close(self._file)
        self._file = file


def _behind(texts: list[memoryview], written: int) -> list[memoryview]:
    """What is left of texts of which so many bytes are written."""
    ends = list(itertools.accumulate(map(len, texts)))
    first = bisect_right(ends, written)
    left = texts[first:]
    if left:
        left[0] = left[0][len(left[0]) - (ends[first] - written) :]
    return left


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _stderr() -> int:
    stream: Any = sys.stderr
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return STDERR
