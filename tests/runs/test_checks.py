"""What a version must show before it is live: how two sets of answers compare, and which words that gets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.contract.calls import Answer, Call
from modelport.contract.signature import Argument, Operation, Signature
from modelport.runs.checks import Limits, _Tried, check_set, example_of, regressions, report_of, warnings

ANSWERS = st.builds(
    lambda status, body, seconds: tried(status, body, seconds),
    st.sampled_from([200, 204, 400, 422, 500, 503, 504]),
    st.sampled_from([b"1", b"2"]),
    st.floats(0.001, 10.0),
)


def tried(status: int = 200, body: bytes = b"1", seconds: float = 0.01, detail: str = "") -> _Tried:
    return _Tried(Answer(1, status=status, body=body, detail=detail), seconds)


@given(st.lists(st.tuples(ANSWERS, ANSWERS)), st.integers(0, 3))
def test_a_report_counts_what_it_says(pairs: list[tuple[_Tried, _Tried]], missing: int) -> None:
    old, new = [one for one, _ in pairs], [two for _, two in pairs]
    report = report_of(old, new, len(pairs) + missing)
    good = [(a.answer, b.answer) for a, b in pairs if a.answer.status < 400 and b.answer.status < 400]
    assert (report["checked"], report["not_checked"]) == (len(pairs), missing)
    assert report["errors_before"] == sum(one.answer.status >= 400 for one in old)
    assert report["errors_after"] == sum(two.answer.status >= 400 for two in new)
    assert report["new_errors"] <= report["errors_after"]
    assert report["new_errors"] == report["errors_after"] - sum(
        a.answer.status >= 400 and b.answer.status >= 400 for a, b in pairs
    )
    assert ("first_error" in report) == (report["new_errors"] > 0)
    if not good:
        assert report["agreement"] is None
    else:
        assert report["agreement"] == sum(a.body == b.body for a, b in good) / len(good)
    msgspec.json.encode(report)
    words = regressions(report, Limits(0.0, 1e9))
    assert bool(words) == (report["new_errors"] > 0)


def test_an_error_that_both_make_is_no_regression() -> None:
    report = report_of([tried(500)], [tried(500)], 1)
    assert (report["new_errors"], report["agreement"]) == (0, None)
    assert regressions(report, Limits(min_agreement=1.0)) == []


def test_requests_for_which_there_was_no_time_are_no_regression_but_one_without_an_answer_is() -> None:
    report = report_of([tried()], [tried()], 20)
    assert (report["checked"], report["not_checked"], regressions(report, Limits())) == (1, 19, [])
    hung = report_of([tried()], [tried()], 20, hung=True)
    (words,) = regressions(hung, Limits())
    assert words == "1 of 2 requests that the live version answers fail (no answer within 60 s)"


def test_a_new_error_is_named_and_cut() -> None:
    report = report_of([tried()], [tried(500, detail="too much " * 100)], 1)
    assert report["first_error"].startswith("500 too much too much")
    assert len(report["first_error"]) <= 200
    (words,) = regressions(report, Limits())
    assert words.startswith("1 of 1 requests that the live version answers fail (500 too much")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (0.01, 0.029, []),  # within what no one notices
        (0.01, 0.05, ["it takes 5.0 times as long, more than 3"]),
        (1.0, 2.9, []),
        (1.0, 3.1, ["it takes 3.1 times as long, more than 3"]),
    ],
)
def test_a_version_that_takes_much_longer_is_worse(before: float, after: float, found: list[str]) -> None:
    slow_at_first = tried(seconds=99.0)  # the first answers are not timed
    report = report_of(
        [tried(), *[tried(seconds=before)] * 3], [slow_at_first, *[tried(seconds=after)] * 3], 1
    )
    assert (report["checked"], report["seconds_before"], report["seconds_after"]) == (1, before, after)
    assert regressions(report, Limits()) == found


def test_a_version_that_agrees_too_rarely_is_worse_where_that_counts() -> None:
    report = report_of([tried(), tried()], [tried(), tried(body=b"2")], 2)
    assert regressions(report, Limits()) == []
    assert regressions(report, Limits(min_agreement=0.5)) == []
    assert regressions(report, Limits(min_agreement=0.6)) == [
        "it agrees with the live version in 50%, not 60%"
    ]


def test_nothing_to_check_with_is_no_regression() -> None:
    assert regressions(report_of([], [], 0), Limits(min_agreement=1.0)) == []


def argument(name: str, schema: dict[str, Any], *, required: bool = True, **more: Any) -> Argument:
    return Argument(name=name, schema=schema, required=required, **more)


def signature(*arguments: Argument, **definitions: Any) -> Signature:
    return Signature(
        name="m",
        contract="typed",
        metadata={},
        predict=Operation(arguments=list(arguments)),
        definitions=definitions,
    )


def test_recent_calls_come_before_the_models_own_example() -> None:
    own = signature(argument("x", {"type": "number", "example": 3}))
    recent = [Call(7, body=b"{}"), Call(8, body=b"{}")]
    assert check_set(own, recent) == recent
    (made,) = check_set(own, [])
    assert (made.verb, made.content_type, made.body) == ("predict", "application/json", b'{"x":3}')
    assert check_set(signature(argument("x", {"type": "number"})), []) == []


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"example": 0}, 0),
        ({"example": None}, None),
        ({"examples": [1, 2]}, 1),
        ({"examples": [], "example": 5}, 5),
        ({"$ref": "#/$defs/Point"}, {"x": 1}),
        ({"type": "array", "items": {"$ref": "#/$defs/Point"}}, [{"x": 1}]),
        ({"type": "array", "items": {"type": "number", "example": 2}}, [2]),
    ],
)
def test_an_example_is_found_wherever_a_schema_has_it(schema: dict[str, Any], found: Any) -> None:
    body = example_of(signature(argument("a", schema), Point={"examples": [{"x": 1}]}))
    assert body is not None
    assert msgspec.json.decode(body) == {"a": found}


@pytest.mark.parametrize(
    "schema", [{}, {"type": "string"}, {"examples": []}, {"$ref": "#/$defs/None"}, {"items": {}}]
)
def test_a_schema_without_an_example_gives_none_if_it_is_required(schema: dict[str, Any]) -> None:
    given_ = argument("b", {"example": 1})
    assert example_of(signature(argument("a", schema), given_)) is None
    assert example_of(signature(argument("a", schema, required=False), given_)) == b'{"b":1}'


def test_a_schema_that_refers_to_itself_has_no_example() -> None:
    assert example_of(signature(argument("a", {"$ref": "#/$defs/A"}), A={"$ref": "#/$defs/A"})) is None


def test_what_was_not_compared_is_a_warning_that_says_why() -> None:
    nothing = report_of([], [], 0)
    of_files = signature(argument("image", {"type": "string", "format": "binary"}, kind="file"))
    (words,) = warnings(nothing, of_files, Limits())
    assert "requests with files are not kept" in words
    of_numbers = signature()
    (words,) = warnings(nothing, of_numbers, Limits(min_agreement=0.9))
    assert "no recent requests" in words
    assert words.endswith("and min_agreement, 90%, was not looked at")
    failing = report_of([tried(500)], [tried(500)], 1)
    assert "both versions have failed" in warnings(failing, of_numbers, Limits(min_agreement=0.9))[0]
    assert warnings(failing, of_numbers, Limits()) == []
    assert warnings(report_of([tried()], [tried()], 1), of_numbers, Limits(min_agreement=0.9)) == []
    assert "the live version was not ready" in warnings(None, of_numbers, Limits())[0]
