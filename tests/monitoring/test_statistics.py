"""PSI, Kolmogorov and Smirnov, chi-square: against scipy, by hand, and what must hold for any samples."""

from __future__ import annotations

import math
import random
import warnings
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelport.monitoring.chi_square import chi_square, chi_square_tail
from modelport.monitoring.exceedances import exceedance_chance
from modelport.monitoring.kolmogorov_smirnov import kolmogorov, kolmogorov_smirnov
from modelport.monitoring.psi import counts_of, edges_of, psi, psi_by_chance

NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 2))
SAMPLES = st.lists(NUMBERS, min_size=1, max_size=60).map(sorted)
COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12)


@given(SAMPLES, SAMPLES)
def test_the_distance_and_its_chance_are_those_of_scipy(first: list[float], second: list[float]) -> None:
    found = kolmogorov_smirnov(first, second)
    with warnings.catch_warnings(record=True) as caught:  # some of the smallest it cannot count
        warnings.simplefilter("always")
        known = stats.ks_2samp(first, second, method="exact")
    assert found.distance == pytest.approx(known.statistic, abs=1e-12)
    if not caught:
        assert found.p_value == pytest.approx(known.pvalue, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (4, 4), (5, 3), (6, 6)])
def test_the_chance_is_the_share_of_all_orders_that_are_so_far_apart(n: int, m: int) -> None:
    places = [float(place) for place in range(n + m)]
    distances: list[float] = []
    for chosen in combinations(places, n):
        rest = sorted({*places} - {*chosen})
        distances.append(kolmogorov_smirnov(list(chosen), rest).distance)
    for chosen in combinations(places, n):
        found = kolmogorov_smirnov(list(chosen), sorted({*places} - {*chosen}))
        as_far = sum(one >= found.distance for one in distances) / len(distances)
        assert found.p_value == pytest.approx(as_far, abs=1e-12)


@settings(max_examples=15)
@given(st.integers(0, 1 << 30), st.integers(501, 700), st.integers(501, 700), st.floats(0.0, 0.3))
def test_of_large_samples_the_chance_is_near_that_of_scipy(seed: int, n: int, m: int, shift: float) -> None:
    chosen = random.Random(seed)
    first = sorted(chosen.gauss(0.0, 1.0) for _ in range(n))
    second = sorted(chosen.gauss(shift, 1.0) for _ in range(m))
    found = kolmogorov_smirnov(first, second)
    known = stats.ks_2samp(first, second, method="exact")
    assert found.distance == pytest.approx(known.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(known.pvalue, abs=0.02)


@given(st.floats(0.01, 6.0))
def test_the_limit_is_kolmogorovs_distribution(x: float) -> None:
    assert kolmogorov(x) == pytest.approx(stats.kstwobign.sf(x), abs=1e-12)


@given(st.floats(0.0, 2000.0), st.integers(1, 400))
def test_the_tail_of_chi_square_is_that_of_scipy(statistic: float, freedom: int) -> None:
    known = stats.chi2.sf(statistic, freedom)
    assert chi_square_tail(statistic, freedom) == pytest.approx(known, rel=1e-8, abs=1e-12)


@given(st.lists(st.tuples(st.integers(20, 500), st.integers(20, 500)), min_size=2, max_size=9))
def test_chi_square_is_that_of_scipy(counts: list[tuple[int, int]]) -> None:
    reference = {str(place): pair[0] for place, pair in enumerate(counts)}
    current = {str(place): pair[1] for place, pair in enumerate(counts)}
    both = sum(reference.values()), sum(current.values())
    share = min(both) / sum(both)
    found = chi_square(reference, current)
    known = stats.chi2_contingency([list(reference.values()), list(current.values())], correction=False)
    assert found is not None
    if all(sum(pair) * share >= 5 for pair in counts):
        assert found.freedom == known.dof
        assert found.statistic == pytest.approx(known.statistic, rel=1e-9, abs=1e-9)
        assert found.p_value == pytest.approx(known.pvalue, rel=1e-6, abs=1e-12)


def test_rare_categories_are_taken_together() -> None:
    found = chi_square({"a": 50, "b": 50, "c": 1}, {"a": 50, "b": 50, "d": 1})
    assert found is not None
    assert (found.freedom, found.statistic) == (2, 0.0)
    assert chi_square({"a": 50}, {"a": 40}) is None
    assert chi_square({}, {"a": 40}) is None


def test_the_index_has_known_values() -> None:
    # By hand: (0.3 − 0.5)·ln(0.3/0.5) + (0.7 − 0.5)·ln(0.7/0.5)
    by_hand = -0.2 * math.log(0.6) + 0.2 * math.log(1.4)
    assert psi([50, 50], [30, 70]) == pytest.approx(by_hand, rel=1e-12)
    assert psi([10, 20, 0, 70], [100, 200, 0, 700]) == pytest.approx(0.0, abs=1e-12)
    # An empty bin: half a value is added to each of both.
    q, p = (100.5 / 101, 0.5 / 101), (50.5 / 101, 50.5 / 101)
    smoothed = sum((b - a) * math.log(b / a) for a, b in zip(q, p, strict=True))
    assert psi([100, 0], [50, 50]) == pytest.approx(smoothed, rel=1e-12)


@given(COUNTS)
def test_the_index_is_symmetric_and_never_negative(counts: list[tuple[int, int]]) -> None:
    reference, current = [pair[0] for pair in counts], [pair[1] for pair in counts]
    if not sum(reference) or not sum(current):
        with pytest.raises(ValueError, match="no values"):
            psi(reference, current)
        return
    found = psi(reference, current)
    assert found >= -1e-12
    assert found == pytest.approx(psi(current, reference), abs=1e-9)
    if all(reference) and all(current):
        q = [count / sum(reference) for count in reference]
        p = [count / sum(current) for count in current]
        both = stats.entropy(p, q) + stats.entropy(q, p)  # of Kullback and Leibler, both ways
        assert found == pytest.approx(both, rel=1e-6, abs=1e-9)


@given(SAMPLES, SAMPLES)
def test_each_value_is_in_one_bin(reference: list[float], current: list[float]) -> None:
    edges = edges_of(reference)
    assert edges == sorted(set(edges))
    assert all(counts_of(reference, edges))  # of the reference none is empty
    assert sum(counts_of(current, edges)) == len(current)


def test_bins_are_tenths_of_the_reference() -> None:
    reference = [float(number) for number in range(1000)]
    assert counts_of(reference, edges_of(reference)) == [100] * 10
    assert edges_of([1.0] * 50) == []
    assert counts_of([0.0, 1.0, 1.0], edges_of([0.0] * 50 + [1.0] * 50)) == [1, 2]


@pytest.mark.parametrize(("bins", "n", "m"), [(10, 100, 200), (2, 50, 50), (50, 1000, 400)])
def test_what_chance_gives_is_a_quantile_of_chi_square(bins: int, n: int, m: int) -> None:
    known = stats.chi2.ppf(0.999, bins - 1) * (1 / n + 1 / m)
    assert psi_by_chance(bins, n, m) == pytest.approx(known, rel=0.04)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 3), (5, 5), (6, 2)])
def test_the_chance_of_values_out_of_range_is_counted(m: int, n: int) -> None:
    places = range(n + m)
    outside = [
        sum(place < min(chosen) or place > max(chosen) for place in places)
        for chosen in combinations(places, n)
    ]
    for k in range(m + 2):
        as_many = sum(count >= k for count in outside) / len(outside)
        assert exceedance_chance(k, m, n) == pytest.approx(as_many, abs=1e-12)
