"""How soon a server looks for jobs of which others say that they wait.

All servers of a database hear of each job, and one of them gets it. So who has looked in vain rests before
the next look that others cause, twice as long each time, up to a second; who finds something looks at once
the next time. Fifty servers cost the database little more than one then, and a job hardly waits longer: where
many rest, one of them is always about to look. Looks for its own jobs, and those of each `poll_seconds`, are
not held up.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_REST, LONGEST_REST = 0.05, 1.0


class Restraint:
    """That of one server; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._looked_at = clock()
        self._rest = 0.0

    def looked(self, *, found: bool) -> None:
        """A look that others have caused has found something, or nothing."""
        self._looked_at = self._clock()
        self._rest = 0.0 if found else min(max(2 * self._rest, FIRST_REST), LONGEST_REST)

    @property
    def seconds(self) -> float:
        """How long to rest now before the next one: not the same for servers that have looked together."""
        return max(0.0, self._looked_at + self._rest * random.uniform(0.5, 1.0) - self._clock())
