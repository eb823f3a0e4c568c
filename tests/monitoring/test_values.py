"""Rows out of what is sent and answered, and truths beside what was predicted."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.monitoring.scores import Pair, score
from modelport.monitoring.values import Row, rows_of_answer, rows_of_input, rows_of_recorded
from modelport.telemetry.payloads.truths import form_of, pairs_of, why_unlike

ONE_ROW = Row("[x]", {"a": 1.0, "b": "t"})
NAMED = {"x": ["a", "b"]}


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({"a": 1, "b": "t"}, [Row("", {"a": 1.0, "b": "t"})]),
        ({"x": [{"a": 1, "b": "t"}]}, [ONE_ROW]),
        ({"x": {"columns": ["a", "b"], "rows": [[1, "t"]]}}, [ONE_ROW]),
        ({"x": {"a": [1], "b": ["t"]}}, [ONE_ROW]),
        ({"x": [[1, "t"]]}, [ONE_ROW]),
        ({"x": [[1, "t", None]]}, [Row("[x]", {"x[0]": 1.0, "x[1]": "t", "x[2]": None})]),
        ({"x": [1, True]}, [Row("[x]", {"x": 1.0}), Row("[x]", {"x": True})]),
        ({"a": [1, 2], "b": [3, 4]}, [Row("[]", {"a": 1.0, "b": 3.0}), Row("[]", {"a": 2.0, "b": 4.0})]),
        ({"x": {"y": {"z": 1}}}, [Row("", {"x.y.z": 1.0})]),
        ({"x": [{"a": 1}], "y": [{"a": 2}]}, [Row("[x]", {"x.a": 1.0}), Row("[y]", {"y.a": 2.0})]),
        ({"x": [{"a": 1}], "k": 2}, [Row("", {"k": 2.0}), Row("[x]", {"a": 1.0})]),
        ({"x": 10**400}, [Row("", {"x": None})]),
        ({"x": []}, []),
    ],
)
def test_inputs_have_rows_whatever_their_form(value: Any, rows: list[Row]) -> None:
    assert list(rows_of_input({"value": value}, NAMED)) == rows


def test_files_and_the_query_are_inputs_too() -> None:
    table = {"columns": {"a": [1], "b": ["t"]}, "rows": 1}
    told = {"query": {"k": 2}, "files": [{"field": "x", "value": table}, {"field": "y", "left_out": "…"}]}
    assert list(rows_of_input(told, {})) == [Row("", {"k": 2.0}), ONE_ROW]


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (3, [Row("", {"answer": 3.0})]),
        ({"status": "OK", "predictions": ["a"]}, [Row("[answer]", {"answer": "a"})]),
        ({"f": [{"s": "x", "p": {"q": 0.5}}]}, [Row("[f]", {"s": "x", "p.q": 0.5})]),
        ([[0.2, 0.8]], [Row("[answer]", {"answer[0]": 0.2, "answer[1]": 0.8})]),
    ],
)
def test_answers_have_rows(value: Any, rows: list[Row]) -> None:
    assert list(rows_of_answer(value)) == rows


@pytest.mark.parametrize("recorded", [[{"a": 1, "b": "t"}], {"a": [1], "b": ["t"]}, [[1, "t"]]])
def test_what_a_training_recorded_has_the_same_columns(recorded: Any) -> None:
    assert [row.values for row in rows_of_recorded(recorded, NAMED)] == [ONE_ROW.values]


@pytest.mark.parametrize(
    ("answer", "truth", "pairs"),
    [
        ("a", "b", [("a", "b")]),
        ({"status": "OK", "predictions": [1.5]}, 2, [(1.5, 2)]),
        ({"risk": "high", "score": 0.7}, "low", [("high", "low")]),
        ({"risk": "high", "score": 0.7}, 0.5, [(0.7, 0.5)]),
        ({"risk": "high", "score": 0.7}, {"score": 0.5, "risk": "low"}, [(0.7, 0.5), ("high", "low")]),
        ({"flowers": [{"s": "x"}, {"s": "y"}]}, ["x", "z"], [("x", "x"), ("y", "z")]),
        ({"flowers": [{"s": "x", "p": 0.1}]}, "z", [("x", "z")]),
        ({"flowers": [{"s": "x", "p": 0.1}]}, {"s": "z"}, [("x", "z")]),
        ([1, 2], [1], []),
        ([1, 2], 1, []),
        ({"a": 1.0, "b": 2.0}, 1.0, []),
        ("a", 1, []),
        (True, 1, []),
        ({"a": 1}, {"b": 1}, []),
        (None, "a", []),
    ],
)
def test_truths_are_compared_with_what_they_are_about(answer: Any, truth: Any, pairs: list[Any]) -> None:
    assert pairs_of(answer, truth) == pairs
    why = why_unlike(form_of(200, {"bytes": 50, "value": answer}), truth)
    assert (why == "") == bool(pairs)


@pytest.mark.parametrize(
    ("answer", "truth", "why"),
    [
        ([1, 2], [1, 2, 3], "it is a list of 3, and the answer is a list of 2"),
        ({"flowers": [{"s": "x"}, {"s": "y"}]}, ["x"], "it is a list of 1, and the answer is a list of 2"),
        (["a", "b"], ["a", 2], "its row 1 is a number, and that of the answer is a text"),
        ({"a": 1, "b": 2}, {"c": 1}, "it is an object of c, and the answer is an object of a, b"),
        ({"risk": "[hidden]"}, "low", "it is a text, and the answer is null"),
        (True, 1, "it is a number, and the answer is true or false"),
        (1, [], "it holds no value"),
        ([0.5] * 9000, [0.5] * 8999, "it is a list of 8999, and the answer is a list of 9000"),
    ],
)
def test_a_truth_that_can_never_be_compared_is_told_why(answer: Any, truth: Any, why: str) -> None:
    assert why_unlike(form_of(200, {"bytes": 50, "value": answer}), truth) == why


def test_a_truth_of_an_answer_that_is_not_there_is_told_why() -> None:
    assert "has failed (500)" in why_unlike(form_of(500, {"bytes": 2, "value": {}}), 1)
    assert why_unlike(form_of(200, {"bytes": 9, "left_out": "it is not JSON"}), 1).endswith("it is not JSON")
    assert form_of(200, {"bytes": 1 << 20, "value": 1}) is None
    assert why_unlike(None, 1) == ""


def test_classes_are_scored_by_accuracy_and_f1() -> None:
    pairs = [Pair(0.0, *one) for one in (("a", "a"), ("a", "b"), ("b", "b"), ("b", "b"), ("c", "a"))]
    found = score(pairs)
    assert (found.count, found.accuracy, found.mae) == (5, 0.6, None)
    # a: 1 of 2 predicted and 2 true; b: 2 of 2 and 3; c: 0 of 1 and 0
    assert found.f1 == pytest.approx((2 * 1 / 4 + 2 * 2 / 5 + 0) / 3)


def test_numbers_are_scored_by_their_errors() -> None:
    found = score([Pair(0.0, 1.5, 1.0), Pair(0.0, 2.0, 4.5)])
    assert (found.accuracy, found.mae) == (None, 1.5)
    assert found.rmse == pytest.approx(((0.25 + 6.25) / 2) ** 0.5)
    assert score([Pair(0.0, 1, 1), Pair(0.0, 2, 1)]).accuracy == 0.5  # classes that are whole numbers
