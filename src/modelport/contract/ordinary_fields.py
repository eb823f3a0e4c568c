"""Values that need none of marshmallow's machinery: a number that came as a number, a text, a list of such.

Marshmallow spends some microseconds on each number of a list. What is read here is what it would make of the
value; whatever it would convert otherwise, refuse, or leave to code of the model's own is `Doubtful`, and is
left to the field itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import marshmallow as ma
from marshmallow import fields, validate

Read = Callable[[Any], Any]

STEPS = ("deserialize", "_deserialize", "_validate_missing", "_validate", "_validated", "_format_num")
# These look at a value and do nothing else: where one of them refuses, the field may ask it again.
VALIDATORS = frozenset(
    {validate.Range, validate.Length, validate.OneOf, validate.NoneOf, validate.Equal, validate.Regexp}
)


class Doubtful(Exception):
    """The field itself has to read this value."""


class _Kind(NamedTuple):
    """What a field of one value takes: values of the type `same` as they are, others as `read` makes them.

    `check` says whether all of several values of that type are taken.
    """

    same: type
    read: Read
    check: Callable[[list[Any]], bool] | None = None


def ordinary(field: fields.Field) -> Read | None:
    """What reads values of this field, or raises `Doubtful`; `None` if the field has to read all of them."""
    if not _is_stock(field):
        return None
    if type(field) is fields.List:
        inner = cast("fields.Field", cast("Any", field).inner)
        kind = _kind_of(inner) if _is_stock(inner) and not inner.validators else None
        below = ordinary(inner) if kind is None else None
        if kind is None and below is None:
            return None
        read = _list_of(kind) if kind is not None else _each(cast("Read", below))
    else:
        kind = _kind_of(field)
        if kind is None:
            return None
        read = kind.read
    return _validated(read, field.validators) if field.validators else read


def _is_stock(field: fields.Field) -> bool:
    """Whether a field does nothing that is not marshmallow's own."""
    steps = (getattr(field, step, None) for step in STEPS)
    own = all(getattr(step, "__module__", fields.__name__) == fields.__name__ for step in steps)
    return own and all(type(one) in VALIDATORS for one in field.validators)


def _kind_of(field: fields.Field) -> _Kind | None:
    found: Any = field
    if type(field) is fields.Float:
        return _Kind(float, _float) if found.allow_nan else _Kind(float, _finite, _are_finite)
    if type(field) is fields.Integer:
        return _Kind(int, _only(int))
    if type(field) is fields.String:
        return _Kind(str, _only(str))
    return None


def _only(kind: type) -> Read:
    def read(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise Doubtful

    return read


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Doubtful from None
    raise Doubtful


def _finite(value: Any) -> float:
    number = _float(value)
    if math.isfinite(number):
        return number
    raise Doubtful


def _are_finite(values: list[Any]) -> bool:
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))  # the sum is the faster one


def _list_of(kind: _Kind) -> Read:
    same, one, check = kind

    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Doubtful
        items = cast("list[Any]", value)
        if {same}.issuperset(map(type, items)) and (check is None or check(items)):
            return items.copy()
        return list(map(one, items))

    return read


def _each(one: Read) -> Read:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Doubtful
        return list(map(one, cast("list[Any]", value)))

    return read


def _validated(read: Read, validators: list[Callable[[Any], Any]]) -> Read:
    def checked(value: Any) -> Any:
        found = read(value)
        try:
            for validator in validators:
                validator(found)
        except ma.ValidationError:
            raise Doubtful from None
        return found

    return checked
