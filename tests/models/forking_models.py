"""Models whose code is forked while it is loaded or warmed, and comes back twice."""

from __future__ import annotations

import os

import modelport


def come_back_twice(*, raising: bool) -> None:
    """The child goes first: whatever it says is there before its parent says anything."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    elif raising:
        raise RuntimeError("this is not the worker")


class InLoad(modelport.Model):
    def __init__(self) -> None:
        come_back_twice(raising=False)

    def predict(self) -> int:
        return os.getppid()


class InLoadRaising(InLoad):
    def __init__(self) -> None:
        come_back_twice(raising=True)


class InWarm(InLoad):
    def __init__(self) -> None:
        """Nothing is forked yet."""

    def warm(self) -> None:
        come_back_twice(raising=False)


class InWarmRaising(InWarm):
    def warm(self) -> None:
        come_back_twice(raising=True)
