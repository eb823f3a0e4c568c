"""`modelport serve` as the first process of a container: a small one goes first, and the server below it.

The kernel gives the first process of a container (PID 1) every process whose parent has ended, and ignores
signals for it that it has no handler for. So without this, what models leave behind would stay as zombies,
and a container could not be stopped while the server still imports.
"""

from __future__ import annotations

import os
import signal

FIRST = 1
# What the kernel says of a fault of this process itself, and what stops it at a terminal.
OWN = frozenset({
    signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS,
    signal.SIGABRT, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP, signal.SIGKILL, signal.SIGSTOP,
})  # fmt: skip


def go_first() -> None:
    """Part in two: returns in the process that serves, a group of its own, so that Ctrl-C reaches it once.

    The first one passes signals on, reaps what has ended, and ends as the other does.
    """
    heard = signal.valid_signals() - OWN
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while True:
        number = signal.sigwait(heard)
        if number == signal.SIGCHLD:
            _reap(child)
        else:
            os.kill(child, number)


def _reap(child: int) -> None:
    """Take the status of all that has ended; ends this process where the child is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)  # what shells say of a signal
