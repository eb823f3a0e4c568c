"""What the model's code finds around it: what a plain program has that imports the model.

What the process inherits from the server is decided where it is started, in `engine/starting.py`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


def be_plain_program() -> list[str]:
    """Leave nothing of how this process was started for others to see; returns its arguments.

    Code that reads a command line finds none, and processes that `multiprocessing` spawns have no main module
    to import again.
    """
    arguments = sys.argv[1:]
    sys.argv[:] = ["modelport"]
    main = sys.modules["__main__"]
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    return arguments


def handle(handlers: dict[int, Handler]) -> None:
    """Handle these signals in this process. Only its main thread may.

    What the model forks has the usual handlers again: it must end by SIGTERM, as `Process.terminate` expects,
    even by one that comes while it is made.
    """
    for number, handler in handlers.items():
        signal.signal(number, handler)
    before = threading.local()

    def wait() -> None:
        before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)

    def go_on() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.mask)

    def be_usual() -> None:
        for number, handler in handlers.items():
            if signal.getsignal(number) is handler:
                usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                with contextlib.suppress(ValueError):  # not in the main thread
                    signal.signal(number, usual)
        go_on()

    os.register_at_fork(before=wait, after_in_parent=go_on, after_in_child=be_usual)


def nothing(number: int, frame: FrameType | None) -> None:
    """Handles a signal that means nothing here. Unlike SIG_IGN, this is not inherited by other programs."""


@contextlib.contextmanager
def once() -> Generator[None]:
    """Let only this process come back from code of the model's: what that forks ends where the block does."""
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        end_if_forked(process, error)
        raise
    end_if_forked(process)


def end_if_forked(process: int, error: BaseException | None = None) -> None:
    """End this process unless it is `process`: the model has forked it, and its code has come back here.

    The call is for `process` to answer. As of a plain program whose code has ended, what is left of it is its
    exit status, and the traceback of `error`.
    """
    if os.getpid() == process:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # whatever the model has put in their place
            if error is not None and stream is sys.stderr:
                traceback.print_exception(error)
            stream.flush()
    os._exit(0 if error is None else 1)
