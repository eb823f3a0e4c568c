"""Performances: nested dictionaries of anything, addressed by dotted paths, ordered by their numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelport.runs.performance import MAX_NUMBERS, NoSuchPart, numbers_of, part_of
from modelport.settings.written import Order, order_of

KEYS = st.one_of(st.sampled_from(["a", "b", "a.b", "a.b.c", "", ".", "overall"]), st.text(max_size=4))
NUMBERS = st.one_of(st.integers(), st.floats(), st.just(10**400))
LEAVES = st.one_of(NUMBERS, st.booleans(), st.none(), st.text(max_size=3), st.lists(NUMBERS, max_size=2))
PERFORMANCES = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8),
    max_size=4,
)


def paths(value: Any, *before: str) -> list[tuple[str, Any]]:
    """Every path that there is, with what stands there."""
    found: list[tuple[str, Any]] = []
    for key, item in value.items():
        found.append((".".join([*before, key]), item))
        if isinstance(item, dict):
            found += paths(item, *before, key)
    return found


def finite(value: Any) -> float | None:
    """The number that runs can be ordered by; `None` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@given(PERFORMANCES)
@example({"a.b": 1, "a": {"b": 2}})
@example({"a": {"x": 1}, "a.b": {"c": 2}})
@example({"": {"a": 1}})
def test_every_path_leads_to_a_part_that_is_written_like_that(performance: dict[str, Any]) -> None:
    there = paths(performance)
    for path, _ in there:
        found = part_of(performance, path)
        assert any(other == path and item is found for other, item in there)


@given(PERFORMANCES, st.one_of(KEYS, st.lists(KEYS, min_size=2, max_size=4).map(".".join)))
@example({"a.b": {"c": 1}}, "a.b.d")
@example({"a": {"x": 1}, "a.b": {"c": 2}}, "a.b.d")
@example({"a": 1}, "a.b")
def test_what_is_not_there_is_refused_with_paths_that_are(performance: dict[str, Any], path: str) -> None:
    there = {written for written, _ in paths(performance)}
    if path in there:
        return
    with pytest.raises(NoSuchPart) as refused:
        part_of(performance, path)
    assert bool(refused.value.names) == bool(performance)
    assert f"{path[:200]!r}; there is: " in str(refused.value)
    for name in refused.value.names:
        assert name in there
        part_of(performance, name)


def test_the_names_are_those_next_to_where_the_path_went_wrong() -> None:
    performance = {"overall": {"f1": 1}, "class": {"nlp": {"f1": 1}, "a.b": {"f1": 1}}}
    for path, names in {
        "overal": ["overall", "class"],
        "": ["overall", "class"],
        "class.cv": ["class.nlp", "class.a.b"],
        "class.a.b.f2": ["class.a.b.f1"],
        "overall.f1.x": ["overall.f1"],
    }.items():
        with pytest.raises(NoSuchPart) as refused:
            part_of(performance, path)
        assert refused.value.names == names
    with pytest.raises(NoSuchPart, match="there is: nothing"):
        part_of({}, "overall")


@given(PERFORMANCES, st.dictionaries(KEYS, st.floats(), max_size=3))
@example({"overall": {"f1": 0.5}, "f1": 0.25}, {"f1": 0.75, "loss": 1.0})
@example({"overall": {"f1": 0.5}}, {"f1": 0.75, "overall.f1": 0.8})
def test_every_finite_number_has_its_path_and_nothing_else_has(
    performance: dict[str, Any], metrics: dict[str, float]
) -> None:
    expected: dict[str, set[float]] = {}
    for path, item in paths(performance):
        number = finite(item)
        if number is not None:
            expected.setdefault(path, set()).add(number)
    for path, numbers in list(expected.items()):
        if path.startswith("overall."):
            expected.setdefault(path.removeprefix("overall."), numbers)
    for name, value in metrics.items():
        if math.isfinite(value):
            expected.setdefault(name, {value})
    found = numbers_of(performance, metrics)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value in expected[name]


def test_a_performance_as_large_as_can_be_gives_so_many_numbers_and_no_more() -> None:
    wide = {"class": {f"c{n}": {"f1": n, "recall": n} for n in range(50_000)}}
    found = numbers_of(wide, {"loss": 1.0})
    assert len(found) == MAX_NUMBERS + 1
    deep: dict[str, Any] = {"x": 1}
    for _ in range(500):
        deep = {"x": deep}
    assert numbers_of({"y": 2, "deep": deep}, {}) == {"y": 2.0}


@given(st.text(min_size=1).filter(lambda name: name.strip() == name and ":" not in name), st.booleans())
def test_an_order_is_read_as_it_is_written(name: str, highest: bool) -> None:
    assert order_of(str(Order(name, highest))) == Order(name, highest)
    assert order_of(name) == Order(name, True)


@pytest.mark.parametrize("text", ["", " ", ":max", " :min", "f1:", "f1:up", "f1:MAX", ":"])
def test_what_is_no_order_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"write NAME:max or NAME:min"):
        order_of(text)


def test_a_name_with_a_colon_needs_its_way() -> None:
    assert order_of("slices:short.f1:min") == Order("slices:short.f1", False)
