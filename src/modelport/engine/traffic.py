"""Which version of a model answers a call: the live one, or a share for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelport.engine.ports import Pool


class _Share:
    """A pool, the share of calls that it gets, and how much of it is owed."""

    __slots__ = ("owed", "pool", "weight")

    def __init__(self, pool: Pool | None, weight: float):
        self.pool = pool  # None: whichever is live
        self.weight = weight
        self.owed = 0.0


class Shares:
    """Calls spread over pools by weight, as evenly as can be (smooth weighted round robin, as nginx has it).

    The live pool gets what the weights of the others leave of 1. One for a model, while it has a canary.
    """

    def __init__(self, others: Sequence[tuple[Pool, float]]):
        rest = max(0.0, 1.0 - sum(weight for _, weight in others))
        self._shares = [_Share(None, rest), *(_Share(pool, weight) for pool, weight in others)]

    def choose(self, live: Pool) -> Pool:
        """The pool for the next call; the live one stands in for one that cannot answer."""
        for share in self._shares:
            share.owed += share.weight
        chosen = max(self._shares, key=lambda share: share.owed)
        chosen.owed -= 1.0
        pool = chosen.pool
        return pool if pool is not None and pool.state.answers else live

    def weights(self, live: Pool) -> Mapping[int, float]:
        """The share of the calls that each version gets, as it was asked for."""
        return {(share.pool or live).version: share.weight for share in self._shares}
