"""How many values fell between which bounds: counted in plain numbers, fit for the hot path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts values. `counts` has for each of the rising `bounds` those up to it and above the one before,
    and at the end those above the last; `total` is the sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]):
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, values: Sequence[float]) -> None:
        """Count all of these."""
        counts, bounds = self.counts, self.bounds
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)

    def add(self, other: Histogram) -> None:
        """Count what another one of the same bounds has counted, too."""
        for place, count in enumerate(other.counts):
            self.counts[place] += count
        self.total += other.total
