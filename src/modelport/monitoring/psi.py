"""The population stability index: how far one distribution over bins is from another.

    PSI = Σ (p_i − q_i) · ln(p_i / q_i)

over bins i with the shares p_i of the current values and q_i of the reference: the symmetric divergence of
Jeffreys (1946), and Kullback and Leibler (1951), as credit scoring uses it. Below 0.1 is taken as no
change, from 0.25 on as a large one (Siddiqi, *Credit Risk Scorecards*, 2006). That holds for large samples:
of two samples of n and m values of one distribution over B bins, PSI is about (1/n + 1/m) times a
chi-square variable with B − 1 degrees of freedom (Yurdakul and Naranjo, *Statistical properties of the
population stability index*, 2020), so small ones have a high index by chance: `psi_by_chance`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import log, sqrt

BINS = 10
WITHOUT = 0.5  # added to each count, as an empty bin has no logarithm (Jeffreys' prior of a multinomial)
NORMAL_999 = 3.090232306167813  # the quantile of the standard normal distribution


def edges_of(reference: Sequence[float], bins: int = BINS) -> list[float]:
    """The inner edges of bins with about as many reference values in each: its quantiles, each of them once.

    A value that is an edge belongs to the bin below it. `reference` is sorted and not empty.
    """
    count = len(reference)
    quantiles = [reference[max((count * i + bins - 1) // bins - 1, 0)] for i in range(1, bins)]
    return sorted({edge for edge in quantiles if edge < reference[-1]})


def counts_of(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """How many values are in each of the bins between the edges, of which there is one more than edges."""
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return counts


def psi(reference: Sequence[int], current: Sequence[int]) -> float:
    """The index of two lists of counts of the same bins. Bins that are empty in both do not count.

    Where a bin is empty in one, half a value is added to each bin of both; else the index is as it is
    defined. Raises `ValueError` for lists of different lengths, and without values.
    """
    pairs = [(q, p) for q, p in zip(reference, current, strict=True) if q or p]
    add = WITHOUT if any(not q or not p for q, p in pairs) else 0.0
    of_reference = sum(q for q, _ in pairs)
    of_current = sum(p for _, p in pairs)
    if not of_reference or not of_current:
        raise ValueError("there are no values to compare")
    found = 0.0
    for q_count, p_count in pairs:
        q = (q_count + add) / (of_reference + add * len(pairs))
        p = (p_count + add) / (of_current + add * len(pairs))
        found += (p - q) * log(p / q)
    return found


def psi_by_chance(bins: int, n: int, m: int) -> float:
    """The index that 999 of 1000 pairs of samples of one distribution stay below, about.

    By the approximation of a chi-square quantile of Wilson and Hilferty (1931).
    """
    freedom = bins - 1
    if freedom < 1:
        return 0.0
    spread = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - spread + NORMAL_999 * sqrt(spread)) ** 3
    return quantile * (1.0 / n + 1.0 / m)
