"""Pearson's chi-square test that two samples of categories are of one distribution.

    X² = Σ (O − E)² / E

over the cells of the table of both samples, with the count O and the count E that both together let expect
(Pearson, 1900). By chance alone it has about a chi-square distribution with one degree of freedom less than
there are categories, where each is expected five times or more (Cochran, 1954): rarer ones are taken
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, lgamma, log
from typing import NamedTuple

LEAST_EXPECTED = 5.0
MOST_STEPS = 10_000
SMALL = 1e-300
CLOSE = 1e-15


class ChiSquare(NamedTuple):
    """The statistic, its degrees of freedom, and the probability of one at least so large by chance."""

    statistic: float
    freedom: int
    p_value: float


def chi_square(reference: Mapping[str, int], current: Mapping[str, int]) -> ChiSquare | None:
    """The test of the counts of categories; `None` if there are not two categories to compare."""
    n, m = sum(reference.values()), sum(current.values())
    if not n or not m:
        return None
    rows = _rows(reference, current, min(n, m) / (n + m))
    if len(rows) < 2:
        return None
    statistic = 0.0
    for q, p in rows:
        both = q + p
        for count, size in ((q, n), (p, m)):
            expected = both * size / (n + m)
            statistic += (count - expected) ** 2 / expected
    return ChiSquare(statistic, len(rows) - 1, chi_square_tail(statistic, len(rows) - 1))


def _rows(reference: Mapping[str, int], current: Mapping[str, int], share: float) -> list[tuple[int, int]]:
    """The counts of each category in both; of those that are expected too rarely together."""
    rows: list[tuple[int, int]] = []
    rare_q = rare_p = 0
    for name in sorted({*reference, *current}):
        q, p = reference.get(name, 0), current.get(name, 0)
        if (q + p) * share >= LEAST_EXPECTED:
            rows.append((q, p))
        else:
            rare_q, rare_p = rare_q + q, rare_p + p
    if rare_q + rare_p:
        rows.append((rare_q, rare_p))
    return rows


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance that a chi-square variable is above: Q(freedom/2, statistic/2), the upper incomplete gamma
    function over the whole (Abramowitz and Stegun, 26.4.19).
    """
    return _upper_gamma(freedom / 2.0, statistic / 2.0)


def _upper_gamma(a: float, x: float) -> float:
    """Q(a, x): by the series of P below a + 1, by Lentz's continued fraction above (A. & S. 6.5.29, .31)."""
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        for k in range(1, MOST_STEPS):
            term *= x / (a + k)
            total += term
            if term < total * CLOSE:
                break
        return max(1.0 - front * total, 0.0)
    b = x + 1.0 - a
    c = 1.0 / SMALL
    d = 1.0 / b
    fraction = d
    for k in range(1, MOST_STEPS):
        numerator = -k * (k - a)
        b += 2.0
        d = 1.0 / _not_zero(numerator * d + b)
        c = _not_zero(b + numerator / c)
        fraction *= d * c
        if abs(d * c - 1.0) < CLOSE:
            break
    return front * fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > SMALL else SMALL
