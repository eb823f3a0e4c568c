"""Stopping a call that runs, without losing the loaded model.

The server writes the call's number to a small socket of its own and signals the worker. The handler
runs in the main thread, between two bytecodes or in the middle of a system call, and raises
`CallCancelled` only if the model's code is running that very call. What ignores this (a loop in C, an
`except BaseException`) is killed by the server after a grace.
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
STOP_FLAG = 16  # the byte of the marker by which the server asks a job to stop
CANCEL_SIGNAL = signal.SIGUSR1
MAX_REMEMBERED = 100_000


class CallCancelled(BaseException):
    """The client has left or the deadline has passed. Not an `Exception`: a model must not swallow it."""


class Terminated(BaseException):
    """SIGTERM arrived."""


class RunningCall:
    """The call whose code runs now, and the calls that need not run any more.

    `marker` shows the number of the running call to the server, which reads it if the worker dies.
    """

    def __init__(self, marker: mmap.mmap | bytearray, control: socket.socket | None):
        self._marker = marker
        self._shown = memoryview(marker)[: CALL_NUMBER.size].cast("Q")  # `CALL_NUMBER`, stored at once
        self.control = control
        self._current = 0
        self._steps = 0
        self.step = (0, 0)  # the call whose code runs now, of several, and which step of all this is
        self.cancelled: set[int] = set()
        self._is_undisturbed = False

    def start(self, call_id: int) -> None:
        """The model's code for this call begins. Raises `CallCancelled` if nobody waits for it any more."""
        self._shown[0] = self._current = call_id
        if call_id in self.cancelled:
            self.end()
            raise CallCancelled

    def show(self, call_id: int) -> None:
        """Of several calls, the code of this one runs now; 0: none does."""
        self._steps += 1
        self.step = (call_id, self._steps)
        self._marker[0:8] = CALL_NUMBER.pack(call_id)

    def end(self) -> None:
        """The model's code has returned."""
        self._current = self._shown[0] = 0

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
            yield  # which is interrupted by nothing
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
            found = True

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        raise Terminated
