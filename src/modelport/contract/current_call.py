"""The call that code runs for: each thread and each task of an event loop has its own, or none."""

from __future__ import annotations

from contextvars import ContextVar

from modelport.contract.calls import Call

_call: ContextVar[Call | None] = ContextVar("the call that this code runs for", default=None)


def running_call() -> Call | None:
    """The call whose code this is; `None` where that is not known, as for several calls that run together."""
    return _call.get()


def run_for(call: Call | None) -> None:
    """Let the code that runs in this context from now on belong to a call, or to none."""
    _call.set(call)
