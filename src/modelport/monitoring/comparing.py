"""A column against that of a reference, and what the numbers say: ok, watch or drift.

Where either has fewer than `LEAST` values nothing is said but that. Otherwise the worst counts of:

| | watch | drift |
|---|---|---|
| PSI | 0.1 | 0.25 |
| the distance of Kolmogorov and Smirnov | 0.15 | 0.3 |
| missing, unseen or out of range: a share more than in the reference by | 0.02 | 0.1 |

Each counts only if chance alone would give it in less than one of a thousand cases: so small samples, of
which each is unlike the next, are no drift.
"""

from __future__ import annotations

from typing import NamedTuple

from modelport.monitoring.chi_square import chi_square
from modelport.monitoring.exceedances import exceedance_chance
from modelport.monitoring.kolmogorov_smirnov import kolmogorov_smirnov
from modelport.monitoring.psi import counts_of, edges_of, psi, psi_by_chance
from modelport.monitoring.reports import Feature, Verdict, worst
from modelport.monitoring.samples import Column, Columns

LEAST = 30  # values, of which anything is said
SURE = 0.001  # the p-value from which on a distance counts
MOST_SHOWN = 50  # categories
OTHERS = "(others)"


class Threshold(NamedTuple):
    """From which value on something is worth a look, and from which it is a drift."""

    watch: float
    drift: float

    def of(self, value: float) -> Verdict:
        """What this says of a value."""
        return "drift" if value >= self.drift else "watch" if value >= self.watch else "ok"


PSI = Threshold(0.1, 0.25)
DISTANCE = Threshold(0.15, 0.3)
MORE = Threshold(0.02, 0.1)


def described(of: Columns, column: Column) -> Feature:
    """A column by itself."""
    rows = of.rows[column.group]
    is_number = column.kind == "number"
    return Feature(
        name=column.name,
        kind=column.kind,
        rows=rows,
        missing=of.missing(column) / rows if rows else 0.0,
        mean=column.mean if is_number else None,
        least=column.least if is_number else None,
        largest=column.largest if is_number else None,
    )


def compared(current: Columns, reference: Columns, name: str) -> Feature:
    """A column of this name against that of the reference; either may not have it."""
    now, then = current.columns.get(name), reference.columns.get(name)
    if now is None:
        assert then is not None  # it is one of either's names
        missing = current.rows[then.group]
        found = Feature(name=name, kind=then.kind, rows=missing, missing=1.0 if missing else 0.0)
    else:
        found = described(current, now)
    if then is None:
        found.words = "the reference has no such column"
        return found
    found.reference_rows = reference.rows[then.group]
    found.reference_missing = reference.missing(then) / max(found.reference_rows, 1)
    found.reference_mean = then.mean if then.kind == "number" else None
    if min(found.rows, found.reference_rows) < LEAST:
        found.words = (
            f"too few: {found.rows} rows, {found.reference_rows} of the reference; {LEAST} are needed"
        )
        return found
    verdicts, words = _judged(found, now, then)
    found.verdict, found.words = worst(verdicts), "; ".join(words)
    return found


def _judged(found: Feature, now: Column | None, then: Column) -> tuple[list[Verdict], list[str]]:
    verdicts: list[Verdict] = [_of_missing(found)]
    words = [f"missing in {found.missing:.1%}"] if verdicts[0] != "ok" else []
    if now is None or min(now.count, then.count) < LEAST:
        words.append("too few values that are not missing")
        return (verdicts if verdicts[0] != "ok" else ["unknown"]), words
    if then.kind != now.kind and "number" in (then.kind, now.kind):
        return ["drift"], [f"it is a {now.kind}, and a {then.kind} in the reference"]
    if then.kind == "number":
        _compare_numbers(found, now, then)
    elif then.kind == "category":
        _compare_categories(found, now, then)
    else:
        return verdicts, [*words, "texts are compared by what is missing alone"]
    for verdict, said in _signs(found, now, then):
        verdicts.append(verdict)
        words += [said] if verdict != "ok" else []
    return verdicts, words


def _of_missing(found: Feature) -> Verdict:
    """What it says that more are missing than in the reference."""
    before = found.reference_missing or 0.0
    now_missing, then_missing = round(found.missing * found.rows), round(before * found.reference_rows)
    counts = (now_missing, found.rows, then_missing, found.reference_rows)
    return MORE.of(found.missing - before) if _is_sure(*counts) else "ok"


def _is_sure(k: int, m: int, j: int, n: int) -> bool:
    """Whether k of m is another share than j of n, by chi-square."""
    test = chi_square({"is": j, "is not": n - j}, {"is": k, "is not": m - k})
    return test is not None and test.p_value < SURE


def _signs(found: Feature, now: Column, then: Column) -> list[tuple[Verdict, str]]:
    signs: list[tuple[Verdict, str]] = []
    if found.psi is not None and found.psi > (found.psi_by_chance or 0.0):
        signs.append((PSI.of(found.psi), f"PSI {found.psi:.3g}"))
    if found.ks is not None and found.ks_p_value is not None and found.ks_p_value < SURE:
        signs.append((DISTANCE.of(found.ks), f"KS {found.ks:.3g}"))
    if found.out_of_range is not None:
        m, n = len(now.numbers), len(then.numbers)
        if exceedance_chance(round(found.out_of_range * m), m, n) < SURE:
            signs.append((MORE.of(found.out_of_range), f"{found.out_of_range:.1%} out of range"))
    if found.unseen is not None and _is_sure(
        round(found.unseen * now.text_count), now.text_count, 0, then.text_count
    ):
        signs.append((MORE.of(found.unseen), f"{found.unseen:.1%} unseen"))
    return signs


def _compare_numbers(found: Feature, now: Column, then: Column) -> None:
    current, reference = sorted(now.numbers), sorted(then.numbers)
    edges = edges_of(reference)
    of_current, of_reference = counts_of(current, edges), counts_of(reference, edges)
    found.edges = edges
    found.shares, found.reference_shares = _shares(of_current), _shares(of_reference)
    found.psi = psi(of_reference, of_current)
    found.psi_by_chance = psi_by_chance(len(edges) + 1, len(current), len(reference))
    test = kolmogorov_smirnov(current, reference)
    found.ks, found.ks_p_value = test.distance, test.p_value
    outside = sum(value < then.least or value > then.largest for value in current)
    found.out_of_range = outside / len(current)


def _compare_categories(found: Feature, now: Column, then: Column) -> None:
    names = [name for name, _ in (now.categories + then.categories).most_common(MOST_SHOWN)]
    of_current = [now.categories[name] for name in names]
    of_reference = [then.categories[name] for name in names]
    rest = (now.text_count - sum(of_current), then.text_count - sum(of_reference))
    if any(rest):
        names, of_current, of_reference = (
            [*names, OTHERS],
            [*of_current, rest[0]],
            [*of_reference, rest[1]],
        )
    found.categories = names
    found.shares, found.reference_shares = _shares(of_current), _shares(of_reference)
    found.psi = psi(of_reference, of_current)
    found.psi_by_chance = psi_by_chance(len(names), now.text_count, then.text_count)
    test = chi_square(then.categories, now.categories)
    if test is not None:
        found.chi_square, found.chi_square_p_value = test.statistic, test.p_value
    if not then.has_more:
        unseen = {name: count for name, count in now.categories.items() if name not in then.categories}
        found.unseen = sum(unseen.values()) / now.text_count
        found.unseen_values = sorted(unseen, key=lambda name: -unseen[name])[:10]


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
