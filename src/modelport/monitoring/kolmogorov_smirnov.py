"""The two-sample test of Kolmogorov and Smirnov: how far the distributions of two samples are apart at most.

    D = max_x |F_n(x) − G_m(x)|

with F_n and G_m the shares of the values of each sample that are x or less (Smirnov, 1939). Under the
hypothesis that both are of one continuous distribution, every order of the n + m values is as likely as any
other, so the chance of a D at least so large is counted as paths in a lattice (Hodges, 1958). For large
samples it is taken from the limit, Kolmogorov's distribution (1933), with the correction of Stephens
(1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, floor, pi, sqrt
from typing import NamedTuple

MOST_EXACT = 250_000  # pairs of values, of which every path is counted


class KolmogorovSmirnov(NamedTuple):
    """The distance D, from 0 to 1, and the probability of one at least so large by chance.

    With values that are equal the probability is an upper bound.
    """

    distance: float
    p_value: float


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> KolmogorovSmirnov:
    """The test of two sorted samples, neither of which is empty. Raises `ValueError` if one is."""
    n, m = len(first), len(second)
    if not n or not m:
        raise ValueError("there are no values to compare")
    largest = _distance(first, second)
    p_value = _exact(largest, n, m) if n * m <= MOST_EXACT else _limit(largest / (n * m), n, m)
    return KolmogorovSmirnov(largest / (n * m), p_value)


def _distance(first: Sequence[float], second: Sequence[float]) -> int:
    """D times n times m, which is a whole number."""
    n, m = len(first), len(second)
    i = j = largest = 0
    while i < n and j < m:
        value = min(first[i], second[j])
        while i < n and first[i] == value:
            i += 1
        while j < m and second[j] == value:
            j += 1
        largest = max(largest, abs(i * m - j * n))
    return largest


def _exact(largest: int, n: int, m: int) -> float:
    """The share of the lattice paths from (0, 0) to (n, m) that come as far as this from the diagonal.

    Row by row, the share of those that stay nearer. A step has the probability with which a random order
    goes on so, so that nothing grows beyond a float.
    """
    if n > m:
        n, m = m, n
    inside = [1.0 if j * n < largest else 0.0 for j in range(m + 1)]
    for j in range(1, m + 1):
        inside[j] = inside[j] * inside[j - 1]
    for i in range(1, n + 1):
        weight = i / (i + m)
        inside[0] = weight * inside[0] if i * m < largest else 0.0
        for j in range(1, m + 1):
            near = abs(i * m - j * n) < largest
            inside[j] = weight * inside[j] + inside[j - 1] if near else 0.0
    return min(max(1.0 - inside[m], 0.0), 1.0)


def _limit(distance: float, n: int, m: int) -> float:
    size = sqrt(n * m / (n + m))
    return kolmogorov((size + 0.12 + 0.11 / size) * distance)


def kolmogorov(x: float) -> float:
    """1 − K(x), the chance that the limit of D·√(nm/(n+m)) is more than x.

    By the series 2·Σ (−1)^(k−1)·exp(−2k²x²), and near 0 by the one that follows from it by Jacobi's identity,
    1 − √(2π)/x·Σ exp(−(2k−1)²π²/(8x²)).
    """
    if x <= 0:
        return 1.0
    if x < 1.18:
        found = sum(exp(-(((2 * k - 1) * pi / x) ** 2) / 8.0) for k in range(1, 6))
        return 1.0 - sqrt(2.0 * pi) / x * found
    terms = floor(8.0 / x) + 4
    return 2.0 * sum((-1) ** (k - 1) * exp(-2.0 * (k * x) ** 2) for k in range(1, terms))
