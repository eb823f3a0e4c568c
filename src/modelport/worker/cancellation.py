"""Stopping a call that runs, without losing the loaded model.

The server writes the call's number to a small socket of its own and signals the worker. The handler
runs in the main thread, between two bytecodes or in the middle of a system call, and raises
`CallCancelled` only if the model's code is running that very call. What ignores this (a loop in C, an
`except BaseException`) is killed by the server after a grace.

The shared memory, the marker, is an array of 64-bit numbers: the call whose code runs in the main thread, how
many cancellations were read, the wish that a job stops, and from `FIRST_SLOT` on a slot for each thread that
answers calls, with the one that it runs.
"""

from __future__ import annotations

import mmap
import signal
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from modelport.worker.world import handle, nothing

CALL_NUMBER = struct.Struct("=Q")
MARKER_BYTES = 4096
HEARD = 1  # the number of the marker that counts the cancellations that were read
STOP_FLAG = 16  # the byte of the marker by which the server asks a job to stop
FIRST_SLOT = 8  # of the numbers of the marker
CANCEL_SIGNAL = signal.SIGUSR1
MAX_REMEMBERED = 100_000


def shown_calls(marker: mmap.mmap | bytearray) -> set[int]:
    """The calls whose code runs in the worker of this marker, as it shows them itself."""
    numbers = memoryview(bytes(marker)).cast("Q")
    return {numbers[0], *numbers[FIRST_SLOT:]} - {0}


def shown_number(marker: mmap.mmap | bytearray, place: int) -> int:
    """The number that stands at this place of a marker."""
    return CALL_NUMBER.unpack_from(marker, place * CALL_NUMBER.size)[0]


class CallCancelled(BaseException):
    """The client has left or the deadline has passed. Not an `Exception`: a model must not swallow it."""


class Terminated(BaseException):
    """SIGTERM arrived."""


class RunningCall:
    """The call whose code runs now, and the calls that need not run any more.

    `marker` shows the numbers of the running calls to the server, which reads them if the worker dies.
    """

    def __init__(self, marker: mmap.mmap | bytearray, control: socket.socket | None):
        self._marker = marker
        self.shown = memoryview(marker).cast("Q")  # each `CALL_NUMBER` is stored at once
        self.control = control
        self._current = 0
        self._steps = 0
        self.step = (0, 0)  # the call whose code runs now, of several, and which step of all this is
        self.cancelled: set[int] = set()
        self._is_undisturbed = False

    def start(self, call_id: int) -> None:
        """The model's code for this call begins. Raises `CallCancelled` if nobody waits for it any more."""
        self.shown[0] = self._current = call_id
        if call_id in self.cancelled:
            self.end()
            raise CallCancelled

    def show(self, call_id: int) -> None:
        """Of several calls, the code of this one runs now; 0: none does."""
        self._steps += 1
        self.step = (call_id, self._steps)
        self.shown[0] = call_id

    def end(self) -> None:
        """The model's code has returned."""
        self._current = self.shown[0] = 0

    def asked_to_stop(self) -> bool:
        """True once the server has asked the job of this process to stop."""
        return self._marker[STOP_FLAG] != 0

    def forget(self, call_ids: list[int]) -> None:
        """These calls are answered; a cancellation that comes too late means nothing."""
        if self.cancelled:
            self.cancelled.difference_update(call_ids)

    def install(self) -> None:
        """Listen to the signals. Only the main thread of a worker process may."""
        on_cancel, on_terminate = self._on_cancel, self._on_terminate
        handle({CANCEL_SIGNAL: on_cancel, signal.SIGTERM: on_terminate, signal.SIGINT: nothing})

    def _on_cancel(self, number: int, frame: FrameType | None) -> None:
        if self.read_cancelled() and self._current in self.cancelled and not self._is_undisturbed:
            raise CallCancelled

    @contextmanager
    def undisturbed(self) -> Generator[None]:
        """Let a cancellation wait until the end of the block, which must not be left half done."""
        if threading.current_thread() is not threading.main_thread():
            yield  # what interrupts a thread leaves a frame whole
            return
        self._is_undisturbed = True
        try:
            yield
        finally:
            self._is_undisturbed = False
        if self._current in self.cancelled:
            raise CallCancelled

    def read_cancelled(self) -> bool:
        """Take the numbers that the server has written. True if there were any."""
        if self.control is None:
            return False
        if len(self.cancelled) > MAX_REMEMBERED:
            self.cancelled.clear()  # left over from calls that ended just before their cancellation came
        found = False
        while True:  # one signal may stand for several numbers, each a datagram of its own
            try:
                data = self.control.recv(CALL_NUMBER.size)
            except (BlockingIOError, InterruptedError):
                return found
            if len(data) < CALL_NUMBER.size:  # the server's end is closed
                return found
            self.cancelled.add(CALL_NUMBER.unpack(data)[0])
            self.shown[HEARD] += 1
            found = True

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        raise Terminated
