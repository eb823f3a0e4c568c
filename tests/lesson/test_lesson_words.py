"""The words of pydantic 1: each error of pydantic 2 is told as pydantic 1 itself tells it."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import sys
import uuid
from typing import Annotated, Any, Literal

import pydantic
import pytest

from modelport.contract.field_messages import error_details
from modelport.dialects.lesson.codec import in_lesson_words

if sys.version_info >= (3, 14):
    pytest.skip("pydantic 1 needs an older Python", allow_module_level=True)

from pydantic import v1


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Inner2(pydantic.BaseModel):
    n: int


class Inner1(v1.BaseModel):
    n: int


def both(name: str, hint: Any, *values: Any) -> list[Any]:
    """The same hint for both, or one for each."""
    first, second = hint if isinstance(hint, list) else (hint, hint)
    return [pytest.param(first, second, value, id=f"{name} {value!r}"[:60]) for value in values]


def limited(kind: Any, new: dict[str, Any], old: dict[str, Any] | None = None) -> list[Any]:
    return [Annotated[kind, v1.Field(**(old or new))], Annotated[kind, pydantic.Field(**new)]]


CASES = [
    *both("str", str, [1], None, {}),
    *both("int", int, "x", None, [], {}),
    *both("float", float, "x", None, []),
    *both("bool", bool, "x", None, 7, []),
    *both("list", list[int], 1, None, "x", {"a": 1}, ["x"], [1, None]),
    *both("dict", dict[str, int], 1, None, "x"),
    *both("set", set[int], 1, None),
    *both("frozenset", frozenset[int], 1),
    *both("tuple", tuple[int, ...], 1),
    *both("model", [Inner1, Inner2], 1, None, {}, {"n": "x"}),
    *both("models", [list[Inner1], list[Inner2]], [{"n": 1}, {}], [1]),
    *both("optional", int | None, "x"),
    *both("uuid", uuid.UUID, "x"),
    *both("decimal", decimal.Decimal, "x"),
    *both("date", datetime.date, "x"),
    *both("datetime", datetime.datetime, "x"),
    *both("time", datetime.time, "x"),
    *both("duration", datetime.timedelta, "x"),
    *both("shortest text", limited(str, {"min_length": 2}), "a", ""),
    *both("longest text", limited(str, {"max_length": 2}), "abc"),
    *both("pattern", limited(str, {"pattern": "^a+$"}, {"regex": "^a+$"}), "b"),
    *both("gt", limited(int, {"gt": 3}), 3),
    *both("ge", limited(float, {"ge": 3}), 2.5),
    *both("lt", limited(float, {"lt": 0.5}), 0.5),
    *both("le", limited(int, {"le": 3}), 4),
    *both("multiple", limited(int, {"multiple_of": 5}), 3),
    *both("shortest list", limited(list[int], {"min_length": 2}, {"min_items": 2}), [1], []),
    *both("longest list", limited(list[int], {"max_length": 1}, {"max_items": 1}), [1, 2]),
    *both("enum", Colour, "blue", 1),
    *both("literal", Literal["a", "b"], "c", 1),
    *both("literals", Literal["a or b", 1, "it's"], "c"),
    *both("one literal", Literal["a"], "c"),
]


@pytest.mark.parametrize(("old", "new", "value"), CASES)
def test_an_error_is_told_in_the_words_of_pydantic_1(old: Any, new: Any, value: Any) -> None:
    first: Any = v1.create_model("First", value=(old, ...))
    second: Any = pydantic.create_model("Second", value=(new, ...))
    with pytest.raises(v1.ValidationError) as expected:
        first.parse_raw(json.dumps({"value": value}))
    with pytest.raises(pydantic.ValidationError) as got:
        second.model_validate_json(json.dumps({"value": value}))
    assert [in_lesson_words(d) for d in error_details(got.value)] == json.loads(expected.value.json())


def test_other_errors_pass_as_they_are() -> None:
    detail = {"loc": ["a"], "msg": "Input should be a cell", "type": "cell_type", "ctx": {}, "input": 1}
    assert in_lesson_words(detail) == {"loc": ["a"], "msg": "Input should be a cell", "type": "cell_type"}


def test_a_failed_assertion_has_its_own_words_alone() -> None:
    detail = {"loc": ["a"], "msg": "Assertion failed, no", "type": "assertion_error", "ctx": {}}
    assert in_lesson_words(detail)["msg"] == "no"
