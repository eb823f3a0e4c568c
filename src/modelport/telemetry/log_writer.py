"""A thread that writes lines of a log, so that who answers requests never waits for a disk or a terminal.

What can go wrong, and what answers it:

- *Nobody reads what is written*, or the disk is slow: what waits is bounded, in lines and in bytes. What is
  beyond that is dropped, counted, and said as soon as there is room.
- *Each line costs the hot path.* It is one `append` there. The thread is woken by the first line after quiet,
  which is written at once; what follows is written together after a rest, and encoded there, too: by a few
  lines at once, since what is made of all of them would be memory that the system gives anew each time.
- *The file is renamed, or removed* (logrotate): it is opened anew by its name, when somebody says so
  (`reopen`), or when it is seen; what was waiting is in either of the two. One that is cut stays open, and
  goes on at its new end (`O_APPEND`).
- *The disk is full*: the lines are lost and counted; those that follow are tried.
- *The process ends*: `close` writes what waits, for as long as it is given. What is said afterwards is
  written by who says it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from sys import getsizeof
from time import monotonic
from typing import Any, Generic, TypeVar

log = logging.getLogger("modelport.telemetry")

MOST_LINES = 20_000  # that wait
MOST_BYTES = 8 << 20  # that those of them take that are texts
REST_SECONDS = 0.05
AT_ONCE = 128  # lines that are made and written in one step: their memory is used again for the next ones
LOOK_SECONDS = 1.0  # between two looks whether the file has another name
STDERR = 2

Item = TypeVar("Item")


class LogWriter(Generic[Item]):
    """Writes texts and items in their order to a file or to stderr; `lines_of` has the lines of both.

    Any thread may `put` and `say`. `dropped` lines were lost, and that was not said yet. Raises `OSError` if
    the file cannot be opened.
    """

    def __init__(self, path: str | None, lines_of: Callable[[Sequence[Item | str]], Sequence[str]]):
        self._path = path
        self._lines_of = lines_of
        self._file = _opened(path) if path else _stderr()
        self._waiting: deque[Item | str] = deque()
        self._bytes = 0  # of the texts that wait
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

    def put(self, item: Item) -> None:
        """Have an item written. In the hot path: it costs next to nothing."""
        if len(self._waiting) >= MOST_LINES:
            self.dropped += 1
            return
        self._waiting.append(item)
        if not self._is_awake:
            self._wake()

    def say(self, line: str) -> None:
        """Have a text written, which ends with a newline."""
        if self._closed:
            with self._writing:
                self._write((line,))
            return
        size = getsizeof(line)
        with self._sizing:
            if len(self._waiting) >= MOST_LINES or self._bytes + size > MOST_BYTES:
                self.dropped += 1
                return
            self._bytes += size
            self._waiting.append(line)
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
                self._write_items(min(AT_ONCE, waiting - written))
        if self.dropped and not self._fails:  # else once there is something that can be written again
            dropped, self.dropped = self.dropped, 0
            log.warning("%d lines of the log%s were dropped", dropped, f" {self._path}" if self._path else "")

    def _write_items(self, number: int) -> None:
        """Write the first ones that wait, so many."""
        waiting = self._waiting
        items = [waiting.popleft() for _ in range(number)]
        if self._bytes:
            said = sum(getsizeof(item) for item in items if isinstance(item, str))
            with self._sizing:
                self._bytes -= said
        self._write(self._lines_of(items))

    def _write(self, lines: Sequence[str]) -> None:
        view = memoryview("".join(lines).encode("utf-8", "replace"))
        try:
            while view:
                try:
                    view = view[os.write(self._file, view) :]
                except BlockingIOError:  # somebody has made stderr so
                    select.select([], [self._file], [])
            self._fails = False
        except OSError:  # a full disk, a reader that has gone
            self._fails = True
            self.dropped += len(lines)

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


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _stderr() -> int:
    stream: Any = sys.stderr
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return STDERR
