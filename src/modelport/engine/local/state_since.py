"""The state of a pool, since when it is so, and why, if it has failed."""

from __future__ import annotations

from time import time

from modelport.engine.ports import PoolState


class StateSince:
    """Has a `state`, which anybody below changes, `state_since`, in seconds of the epoch, and an `error`."""

    def __init__(self) -> None:
        self._state = PoolState.WAITING
        self.state_since = time()
        self.error = ""  # why it has failed

    @property
    def state(self) -> PoolState:
        """Where the model is in its life."""
        return self._state

    @state.setter
    def state(self, state: PoolState) -> None:
        if state is not self._state:
            self._state = state
            self.state_since = time()
