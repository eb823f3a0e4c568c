"""The call that a thread runs, and the exception that ends it from outside.

Python raises an exception in another thread (`PyThreadState_SetAsyncExc`) when that is next between two of
its bytecodes: at once, or when it comes back from a sleep or from C, and so perhaps after the call has ended.
What must hold, and why it does:

- *No call is hit by what was meant for another.* `interrupt` looks which call runs and strikes; the end of a
  call says first that none does, waits until a blow that may have been on its way has fallen, and then takes
  back an exception that was not raised yet. Nothing begins before that.
- *It is raised at most once a call*, so that whoever catches it can clean up in peace.
- *It is raised in the model's code alone*: not where the worker reads arguments, writes answers, sends, or
  waits. There a call that was given up is found when the model's code is to begin, or to go on.
- *A call that is given up while it begins does not run.* Both sides write before they look, so that one of
  them sees the other.
- *No lock stays locked.* Code of Python that takes one, as an import and `logging` do, would leave it so if
  it was interrupted between that and its `try`, which is where a thread is that waits for the lock. Who wants
  to interrupt it waits, too. Here there are no locks on the way of a thread.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time

from modelport.worker.cancellation import CallCancelled, RunningCall

TAKES_LOCK = ("acquire", "__enter__", "_acquireLock")
_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
_NOTHING = ctypes.py_object()  # NULL: takes back what was not raised yet


class ThreadCall:
    """Which call the thread that makes this runs. `slot` of the marker shows it."""

    def __init__(self, running: RunningCall, slot: int):
        self._thread = threading.get_ident()
        self._cancelled = running.cancelled
        self._shown = running.shown
        self._slot = slot
        self._current = 0
        self._is_struck = False
        self._is_being_struck = False

    def show(self, call_id: int) -> None:
        """Code runs that a call may have to answer for, if the worker dies of it; 0: none does."""
        self._shown[self._slot] = call_id

    def begin(self, call_id: int) -> None:
        """The model's code for this call runs now. Raises `CallCancelled`, until `end`, if it is given up."""
        if call_id in self._cancelled:
            raise CallCancelled
        self._current = call_id
        if call_id in self._cancelled:  # since the look before; who interrupts may have looked before, too
            self.end()
            raise CallCancelled

    def end(self) -> None:
        """The model's code has returned. Where this raises `CallCancelled` it is to be called again."""
        self._current = 0
        while self._is_being_struck:
            time.sleep(0)
        if self._is_struck:
            _raise_in_thread(self._thread, _NOTHING)
            self._is_struck = False

    def interrupt(self, call_id: int) -> bool:
        """Raise `CallCancelled` in the thread if it runs this call. One other thread may call this.

        False if that is to be tried again in a moment.
        """
        if self._current != call_id:
            return True
        frame = sys._current_frames().get(self._thread)  # pyright: ignore[reportPrivateUsage]
        if frame is not None and frame.f_code.co_name in TAKES_LOCK:
            return False
        self._is_being_struck = True
        if self._current == call_id and not self._is_struck:
            self._is_struck = True
            _raise_in_thread(self._thread, ctypes.py_object(CallCancelled))
        self._is_being_struck = False
        return True
