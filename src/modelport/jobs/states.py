"""The states of a job and the only ways between them.

    queued ◀──unclaim── running
      │
    queued ──claim──▶ running ──finish──▶ succeeded | failed | cancelled
      │                  │
      │                  └──lost──▶ interrupted ──requeue──▶ queued
      └──cancel──▶ cancelled              └──cancel──▶ cancelled

A claim whose code has not begun when its server stops is given back, as if it had never been.

A state is terminal when no way leads out of it. `interrupted` is where a job stands whose process was
lost: it is queued again while its attempts allow, else it stays there until somebody cancels or retries
it. All transitions of the store go through `check`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

JobKind = Literal["train", "validate", "predict", "batch"]
KINDS: tuple[JobKind, ...] = get_args(JobKind)  # here, where also the command line can afford it


EventType = Literal["state", "log", "metric", "progress", "artifact", "model", "performance", "environment"]


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset(
        {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.INTERRUPTED, State.QUEUED}
    ),
    State.INTERRUPTED: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
TERMINAL = frozenset(state for state, ways in TRANSITIONS.items() if not ways)
# Where a job rests: nothing happens to it any more unless somebody asks for it.
ENDED = TERMINAL | {State.INTERRUPTED}


class IllegalTransition(Exception):
    """A way that does not exist was tried: a bug of ours, never a client's fault."""


def check(before: State, after: State) -> None:
    """Raise `IllegalTransition` unless a job may go from `before` to `after`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"a {before} job cannot become {after}")
