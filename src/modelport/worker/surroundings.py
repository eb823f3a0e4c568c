"""What one job may leave to the next in the same process: put back where it can be, told where it cannot."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Surroundings:
    """How a process stands before its first job: working folder, variables, umask, streams, signals, timers.

    What a job has started ends with its process. So a process in which a thread or a process of a job still
    runs takes no other job; threads that an executor keeps for later wait for work, and do none. Nor does one
    whose stdout or stderr a job has closed.
    """

    def __init__(self) -> None:
        self._folder = Path("/proc/self/cwd").resolve()
        self._variables = dict(os.environ)
        self._streams = sys.stdout, sys.stderr
        self._open = [stream for stream in self._streams if not _is_closed(stream)]
        self._outputs = {number: fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in (1, 2)}
        self._umask = _umask()
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        handlers = {number: signal.getsignal(number) for number in signal.Signals}
        # Without those that no code in Python has set, and none can set again.
        self._handlers = {number: found for number, found in handlers.items() if found is not None}
        self._threads = frozenset(threading.enumerate())
        if sys.platform == "linux":  # what leaves its parent becomes a child of ours, and can be seen
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._children = _children()

    def restore(self) -> str:
        """Put back what was there before; returns what the job has left nevertheless, empty if nothing."""
        for timer in TIMERS:  # one that rings later would hit the next job
            signal.setitimer(timer, 0)
        with contextlib.suppress(OSError):  # that folder is gone: nobody can work there
            os.chdir(self._folder)
        if os.environ != self._variables:
            for name in os.environ.keys() - self._variables.keys():
                del os.environ[name]
            os.environ.update(self._variables)
            time.tzset()  # TZ may be among them, which is read once
        os.umask(self._umask)
        sys.stdout, sys.stderr = self._streams
        for number, output in self._outputs.items():  # which the job may have closed, or led elsewhere
            os.dup2(output, number)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        if any(map(_is_closed, self._open)):  # others may write to it, too, as handlers of logging do
            return "stdout or stderr closed"
        threads = _threads() - self._threads
        if threads:
            return f"{len(threads)} threads of it ({min(thread.name for thread in threads)})"
        children = _children() - self._children
        return f"{len(children)} processes of it" if children else ""


def _umask() -> int:
    """The umask of this process, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _is_closed(stream: Any) -> bool:
    """True for a stream to which nobody can write any more."""
    try:
        return bool(getattr(stream, "closed", False))
    except ValueError:  # it was detached from its output
        return True


def _threads() -> set[threading.Thread]:
    """The threads that run, without those that executors keep for what comes."""
    executors: Any = sys.modules.get("concurrent.futures.thread")
    return set(threading.enumerate()).difference(getattr(executors, "_threads_queues", ()))


def _children() -> set[str]:
    """The process ids of what this process has started and what has been left to it."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    found: set[str] = set()
    for place in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # of a thread that has ended
            found.update(place.read_text().split())
    return found
