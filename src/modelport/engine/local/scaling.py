"""How many workers a model is to have, between `min_workers` and `max_workers`, by the calls that wait.

More are started when calls have waited at every look for two seconds: a moment's burst is no reason, since a
worker takes long to load. Then there are to be as many as the calls need that are there, at once, and not one
after another. A worker ends when for `scale_down_after` no moment needed it. The two do not swing: what has
just been needed is remembered as long.

What can go wrong: the workers that are on their way do not answer yet, so the queue says that still more are
needed; nothing is decided until they are there. A model that is idle begins with the fewest again.
"""

from __future__ import annotations

from collections import deque

from modelport.contract.signature import Signature
from modelport.settings import Settings
from modelport.settings.written import seconds_of

GROW_SECONDS = 2.0  # for which calls must have waited


class Scaling:
    """How many workers there are to be. `look` again and again; times are seconds of any clock."""

    def __init__(self, settings: Settings):
        self._first: float | None = None  # when it was looked at first
        self._waits_since: float | None = None
        self._needs: deque[tuple[float, int]] = deque()  # falling, so that the first is the highest of them
        self.wanted = settings.workers
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Keep to these settings from now on."""
        self.lowest, self.highest = settings.fewest_workers, settings.most_workers
        self._start = settings.workers
        self._calm_seconds = seconds_of(settings.scale_down_after)
        self.wanted = self._within(self._start if self._first is None else self.wanted)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to decide."""
        return self.lowest < self.highest

    def reset(self) -> None:
        """Begin again, as at the start."""
        self.wanted = self._within(self._start)
        self._first = self._waits_since = None
        self._needs.clear()

    def _within(self, wanted: int) -> int:
        return min(max(wanted, self.lowest), self.highest)

    def look(self, now: float, waiting: int, calls: int, at_once: int) -> None:
        """Decide on `wanted`: so many of the calls wait, and a worker runs so many `at_once`.

        Not to be asked while workers are on their way.
        """
        if self._first is None:
            self._first = now
        needed = self._within(-(-calls // at_once))
        while self._needs and self._needs[-1][1] <= needed:
            self._needs.pop()
        self._needs.append((now, needed))
        while self._needs[0][0] < now - self._calm_seconds:
            self._needs.popleft()
        if not waiting:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        if self._waits_since is not None and now - self._waits_since >= GROW_SECONDS:
            self.wanted = max(self.wanted, needed)
            self._waits_since = None
        elif now - self._first >= self._calm_seconds:
            self.wanted = min(self.wanted, self._needs[0][1])


def calls_at_once(signature: Signature) -> int:
    """How many calls of a model one worker runs together or side by side."""
    predict = signature.predict
    return max(1, predict.max_batch_size, predict.max_concurrency, signature.stream.max_concurrency)
