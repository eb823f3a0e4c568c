"""What is read without marshmallow is what marshmallow reads, and all that it refuses is left to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import ValidationError, fields, validate

from modelport.contract.deepaas_fields import PlainFields
from modelport.contract.errors import ArgumentErrors
from modelport.contract.field_loading import loader_of
from modelport.contract.ordinary_fields import Doubtful, ordinary

FIELDS: dict[str, Callable[[], fields.Field]] = {
    "float": fields.Float,
    "float or none": lambda: fields.Float(allow_none=True),
    "float with nan": lambda: fields.Float(allow_nan=True),
    "float in a range": lambda: fields.Float(validate=validate.Range(min=0, max=5)),
    "integer": fields.Integer,
    "strict integer": lambda: fields.Integer(strict=True),
    "integer of some": lambda: fields.Integer(validate=[validate.OneOf([1, 2, 3]), validate.Range(max=2)]),
    "string": fields.String,
    "string of a form": lambda: fields.String(validate=[validate.Regexp("[a-z]+$"), validate.Length(max=3)]),
    "floats": lambda: fields.List(fields.Float()),
    "floats with nan": lambda: fields.List(fields.Float(allow_nan=True)),
    "some floats": lambda: fields.List(fields.Float(), validate=validate.Length(min=1, max=3)),
    "floats or none": lambda: fields.List(fields.Float(allow_none=True), allow_none=True),
    "floats in a range": lambda: fields.List(fields.Float(validate=validate.Range(min=0, max=5))),
    "integers": lambda: fields.List(fields.Integer()),
    "strings": lambda: fields.List(fields.String()),
    "rows": lambda: fields.List(fields.List(fields.Float())),
    "rows of rows": lambda: fields.List(
        fields.List(fields.List(fields.Integer()), validate=validate.Length(2))
    ),
}
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 2, 3, -1, 7, 10**400, 0.0, -0.0, 1.5, 7.0, math.nan, math.inf, -math.inf),
    *("", "a", "abc", "abcd", "A", "1", "1.5", "nan", "x\0", "ä", "\ud800", {}, {"a": 1}),
    *([], [1], [1.5], [1.5, 2.5], [1, 2.5], [1.5, 1e308, 1e308], [1, 2, 3, 4], [6.5, 1.0], [7, -1]),
    *([math.nan], [1.0, math.inf], [-math.inf, math.inf], [None], [1.0, None], [True], [1.5, False]),
    *([10**400], ["1"], ["a", "b"], ["a", 1], [1, "x", "y"], [{}], [[]], [[1.5], [2, 3]], [[1.5], None]),
    *([[1.5], [math.nan]], [[1.5], 2.5], [[[1, 2], [3]]], [[[1]], [[2], [3]]], [[[1], [2.5]]], (1.5, 2.5)),
]
# Code of the model's own, or what converts: left to marshmallow altogether.
LEFT: dict[str, Callable[[], fields.Field]] = {
    "boolean": fields.Boolean,
    "decimal": fields.Decimal,
    "raw": fields.Raw,
    "any list": lambda: fields.List(fields.Raw()),
    "function as validator": lambda: fields.Float(validate=lambda value: value > 0),
    "class of its own": lambda: type("Own", (fields.Float,), {})(),
    "items of a class of its own": lambda: fields.List(type("Own", (fields.Float,), {})()),
    "predicate": lambda: fields.String(validate=validate.Predicate("isupper")),
}


def by_marshmallow(field: fields.Field, value: Any) -> tuple[str, Any]:
    try:
        return "value", field.deserialize(value, "it", {"it": value})  # pyright: ignore
    except ValidationError as error:
        return "errors", error.messages


def same(first: Any, second: Any) -> bool:
    """Equal to the type and to the bit."""
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and repr(first) == repr(second)


def named(field: fields.Field) -> tuple[Any, fields.Field]:
    schema = PlainFields.from_dict({"it": field})()
    return schema, schema.load_fields["it"]


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_is_what_marshmallow_makes_of_it(name: str) -> None:
    schema, field = named(FIELDS[name]())
    read = ordinary(field)
    assert read is not None
    values = 0
    for value in VALUES:
        what, expected = by_marshmallow(field, value)
        try:
            found = read(value)
        except Doubtful:
            pass
        else:
            values += 1
            assert (what, same(found, expected)) == ("value", True), (value, found, expected)
            assert found is not value or not isinstance(value, list)  # a list of the model's own to change
        if not (isinstance(value, (str, int, float, dict)) and "List" in type(field).__name__):
            check_loaded(schema, value, what, expected)
    assert values


def check_loaded(schema: Any, value: Any, what: str, expected: Any) -> None:
    load = loader_of(schema).load
    if what == "value":
        assert same(load({"it": value})["it"], expected), value
        return
    with pytest.raises(ArgumentErrors) as caught:
        load({"it": value})
    assert repr(caught.value.messages) == repr({"it": texts(expected)}), value


def texts(messages: Any) -> Any:
    if isinstance(messages, dict):
        return {str(key): texts(below) for key, below in messages.items()}
    return messages


@pytest.mark.parametrize("name", LEFT)
def test_what_runs_other_code_is_left_to_it(name: str) -> None:
    assert ordinary(named(LEFT[name]())[1]) is None


def test_a_field_that_was_changed_reads_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = fields.Float()
    changed._deserialize = lambda value, attr, data, **options: value * 2  # type: ignore[method-assign]
    assert ordinary(changed) is None
    monkeypatch.setattr(fields.Integer, "_validated", lambda self, value: value * 2)
    assert ordinary(fields.Integer()) is None
    assert ordinary(fields.List(fields.Integer())) is None


def test_most_lists_of_numbers_are_not_doubted() -> None:
    read = ordinary(fields.List(fields.Float()))
    assert read is not None
    assert [read([1.5] * 1000), read([1, 2.5])] == [[1.5] * 1000, [1.0, 2.5]]
