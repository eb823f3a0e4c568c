"""The pipe that a worker prints into, read in rests: waking up for a line costs more than the line."""

from __future__ import annotations

import asyncio
import os

from modelport.engine.output import LineCutter, Lines

READ_BYTES = 65536  # what a pipe holds: one read takes all that stands in it
REST_SECONDS = 0.05  # between two reads while a process goes on printing, and at least
LEAST_REST_SECONDS = 0.001
CROWDED_BYTES = READ_BYTES // 4  # who prints this much in a rest must not wait for room in the pipe


class OutputPipe:
    """Reads what a process prints, without blocking. Make it in the event loop that is to read.

    The first output after quiet is read at once. What follows is read after a rest, which is the shorter
    the more there was; so is what comes by another way, unless `drain` is called before that is looked at.
    """

    def __init__(self, read_end: int, output: Lines):
        self.ended = asyncio.Event()  # nothing more will come
        self._fd = read_end
        self._cutter = LineCutter(output.add)
        self._loop = asyncio.get_running_loop()
        self._rest = REST_SECONDS
        self._timer: asyncio.TimerHandle | None = None  # runs while it rests
        self._rests = True
        os.set_blocking(read_end, False)
        self._loop.add_reader(read_end, self._on_output)

    @property
    def resting(self) -> bool:
        """True if there may be output of which the event loop has not told."""
        return self._timer is not None

    def drain(self, *, to_end: bool = False) -> None:
        """Take what stands in the pipe: it was printed before anything that the process has sent since.

        What comes later is no part of the line in which that ends, if it is the end of something.
        """
        if not self.ended.is_set():
            self._read()
            if to_end:
                self._cutter.finish()

    def watch(self) -> None:
        """Rest no more: the process has ended, and somebody waits for the end of its output."""
        self._rests = False
        if self._timer is not None and not self.ended.is_set():
            self._timer.cancel()
            self._timer = None
            self._loop.add_reader(self._fd, self._on_output)

    def close(self) -> None:
        """Read no more; what stands there as half a line is handed out."""
        if self.ended.is_set():
            return
        self.ended.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._cutter.finish()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _on_output(self) -> None:
        if self._read() and self._rests:
            self._loop.remove_reader(self._fd)
            self._timer = self._loop.call_later(self._rest, self._after_rest)

    def _after_rest(self) -> None:
        self._timer = None
        size = self._read()
        if self.ended.is_set():
            return
        crowded = size >= CROWDED_BYTES
        self._rest = max(self._rest / 2, LEAST_REST_SECONDS) if crowded else min(self._rest * 2, REST_SECONDS)
        if size:
            self._timer = self._loop.call_later(self._rest, self._after_rest)
        else:
            self._loop.add_reader(self._fd, self._on_output)

    def _read(self) -> int:
        """Read once; returns how much there was. At the end of the output it closes."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._cutter.feed(data)
        else:
            self.close()
        return len(data)
