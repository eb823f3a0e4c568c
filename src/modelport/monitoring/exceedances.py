"""How many values of one sample are beyond all of another, by chance.

Of n reference values and m current ones of one continuous distribution every order is as likely as any
other. So many as k current ones are below the least or above the largest of the reference with the
probability that of k + 1 values which are drawn from all without looking one at most is of the reference
(Rosenbaum, *Tables for a nonparametric test of location*, 1954; a negative hypergeometric distribution):

    P(K ≥ k) = [C(m, k + 1) + n · C(m, k)] / C(n + m, k + 1)
"""

from __future__ import annotations

from math import exp, inf, lgamma, log


def exceedance_chance(k: int, m: int, n: int) -> float:
    """The probability that k or more of m values are out of the range of n others, n being 1 or more."""
    if k <= 0:
        return 1.0
    if k > m:
        return 0.0
    whole = _log_choices(n + m, k + 1)
    return min(exp(_log_choices(m, k + 1) - whole) + exp(log(n) + _log_choices(m, k) - whole), 1.0)


def _log_choices(n: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if 0 <= k <= n else -inf
