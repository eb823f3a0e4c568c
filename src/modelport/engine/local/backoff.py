"""How long to wait before a worker that ended is replaced, and when to give up."""

from __future__ import annotations

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
STABLE_SECONDS = 10.0
GIVE_UP_AFTER = 12


class Backoff:
    """Doubling delays, forgotten once a worker has lived for a while."""

    def __init__(self) -> None:
        self._failures = 0

    def next_delay(self, lived_seconds: float) -> float | None:
        """Seconds to wait before the next start; `None` after too many short lives in a row."""
        if lived_seconds >= STABLE_SECONDS:
            self._failures = 0
        self._failures += 1
        if self._failures > GIVE_UP_AFTER:
            return None
        return min(FIRST_DELAY * 2 ** (self._failures - 1), LONGEST_DELAY)
