"""What is watched of a connection, from time to time: how its body comes in, and how its answer goes out."""

from __future__ import annotations

from modelport.http.limits import HttpLimits
from modelport.http.refusals import BODY_LATE, BODY_SLOW, Refusal


class BodyWatch:
    """How fast the body of a request comes. Only time in which we read it counts."""

    __slots__ = ("_looked", "_seconds", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._seconds = 0.0
        self._looked: float | None = None

    def begin(self) -> None:
        """A head was read: what comes now is its body."""
        self.bytes = 0
        self._seconds = 0.0
        self._looked = None

    def look(self, now: float, limits: HttpLimits, *, is_awaited: bool) -> Refusal | None:
        """Why the body is waited for no longer, if it is at all."""
        last, self._looked = self._looked, now if is_awaited else None
        if last is None or not is_awaited:
            return None
        self._seconds += now - last
        if self._seconds > limits.body_deadline_s:
            return BODY_LATE
        is_slow = self.bytes < limits.body_rate * self._seconds
        return BODY_SLOW if is_slow and self._seconds > limits.body_grace_s else None


class SentWatch:
    """What of the answers the client has not taken yet."""

    __slots__ = ("_stalled_since", "bytes", "since")

    def __init__(self) -> None:
        self.bytes = 0
        self.since = 0.0  # when there began to be something
        self._stalled_since: float | None = None

    def look(self, now: float, unsent: int) -> float:
        """Seconds for which the client has taken nothing of what there is."""
        if unsent == 0 or unsent < self.bytes or self._stalled_since is None:
            self._stalled_since = now
        if unsent == 0 or self.bytes == 0:
            self.since = now
        self.bytes = unsent
        return now - self._stalled_since if unsent else 0.0

    def progressed(self) -> None:
        """The client has taken something since the last look."""
        self._stalled_since = None
