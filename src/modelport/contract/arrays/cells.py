"""What one column takes, value by value: its check, and the numpy array that it becomes.

Whole columns are looked at in C (`set(map(type, values))`); only where that finds something, each value
is checked by itself.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import numpy

from modelport.contract.arrays.findings import (
    BOOL_TYPE,
    CELL_TYPE,
    DATE_RANGE,
    DATE_TYPE,
    FLOAT_TYPE,
    INT_FRACTION,
    INT_TYPE,
    LIST_TYPE,
    NOT_FINITE,
    TEXT_TYPE,
    Fault,
    Findings,
    Step,
)
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ColumnType

NONE = type(None)
TYPES: dict[str, frozenset[type]] = {
    "float": frozenset({float, int, bool}),  # true is 1 where numbers are wanted, as in the frameworks
    "int": frozenset({int}),
    "bool": frozenset({bool}),
    "str": frozenset({str}),
    "date": frozenset[type](),
    "list": frozenset({list}),
    "any": frozenset({float, int, bool, str}),
}
MOMENTS = (datetime.date, datetime.time, datetime.timedelta)  # cells of Parquet and Arrow
FIRST_YEAR, LAST_YEAR = 1678, 2261  # of what numpy and pandas count in nanoseconds
Where = Callable[[int], tuple[Step, ...]]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What the values of a column may be.

    `kind` is a column type, or `object` for anything at all. `dtype` is the numpy type of the array, with
    `object` for text. `least` and `most` bound its numbers; a missing value is null.
    """

    kind: str
    dtype: str
    missing: bool = False
    least: float = -math.inf
    most: float = math.inf

    @property
    def types(self) -> frozenset[type]:
        """The types of values that need no second look."""
        found = TYPES[self.kind]
        return found | {NONE} if self.missing else found


def rule_of(kind: ColumnType, dtype: str, missing: bool) -> Rule:
    """The rule for a column of this type in an array of this numpy type. Raises `ModelLoadError`."""
    if dtype in ("", "str", "object"):
        of_dtype, stored = {"": "any", "str": "str", "object": "object"}[dtype], "object"
        least, most = -math.inf, math.inf
    else:
        of_dtype, stored, least, most = _of_number(dtype)
    return Rule(
        kind=of_dtype if kind == "any" else kind, dtype=stored, missing=missing, least=least, most=most
    )


def _of_number(dtype: str) -> tuple[str, str, float, float]:
    try:
        found: Any = numpy.dtype(dtype)
    except TypeError:
        raise ModelLoadError(f"{dtype!r} is no numpy type; write float32, int64, bool, str …") from None
    if found.kind == "b":
        return "bool", found.name, -math.inf, math.inf
    if found.kind in "iu":
        limits: Any = numpy.iinfo(found)
        return "int", found.name, limits.min, limits.max
    if found.kind == "f":
        most = float(numpy.finfo(found).max)
        return "float", found.name, -most, most
    if found.kind in "US":
        return "str", "object", -math.inf, math.inf
    return "object", "object", -math.inf, math.inf


def column_values(values: Sequence[Any], rule: Rule, found: Findings, where: Where) -> Sequence[Any]:
    """The values as the rule has them; each one that does not fit is put into `found`."""
    if rule.kind == "object":
        return values
    if set(map(type, values)) <= rule.types and not _out_of_range(values, rule):
        return values
    ready = list(values)
    for index, value in enumerate(values):
        ready[index], fault = checked(value, rule)
        if fault is not None:
            found.add(where(index), fault)
            if found.full:
                break
    return ready


def _out_of_range(values: Sequence[Any], rule: Rule) -> bool:
    """Whether a number is no number or too large for its type, which those of tables and integers may be."""
    if rule.kind not in ("int", "float"):
        return False
    numbers = [value for value in values if value is not None] if rule.missing else values
    try:
        finite = rule.kind == "int" or all(map(math.isfinite, numbers))
    except OverflowError:
        return True
    return bool(numbers) and not (finite and rule.least <= min(numbers) and max(numbers) <= rule.most)


def checked(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
    """One value as the rule has it, and what is wrong with it."""
    if rule.kind == "object" or (value is None and rule.missing):
        return value, None
    return CHECKS[rule.kind](value, rule)


def _float(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
    if type(value) not in (int, float, bool):
        return value, FLOAT_TYPE
    if value != value and rule.missing:
        return value, None
    return value, None if rule.least <= value <= rule.most and math.isfinite(_double(value)) else NOT_FINITE


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _int(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
    if type(value) is float:
        if not math.isfinite(value):
            return value, NOT_FINITE
        if not value.is_integer():
            return value, INT_FRACTION
        value = int(value)
    if type(value) is not int:
        return value, INT_TYPE
    if value > rule.most:
        return value, ("less_than_equal", f"Input should be less than or equal to {rule.most}")
    if value < rule.least:
        return value, ("greater_than_equal", f"Input should be greater than or equal to {rule.least}")
    return value, None


def _of_type(kind: type, fault: Fault) -> Callable[[Any, Rule], tuple[Any, Fault | None]]:
    def check(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
        return value, None if type(value) is kind else fault

    return check


def _any(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
    return value, None if type(value) in TYPES["any"] or isinstance(value, MOMENTS) else CELL_TYPE


def _date(value: Any, rule: Rule) -> tuple[Any, Fault | None]:
    """A moment without a time zone; one with a zone is turned into UTC."""
    moment = value
    if type(value) is str:
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            return value, DATE_TYPE
    if isinstance(moment, datetime.date) and not isinstance(moment, datetime.datetime):
        moment = datetime.datetime.combine(moment, datetime.time())
    if not isinstance(moment, datetime.datetime):
        return value, DATE_TYPE
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment, None if FIRST_YEAR <= moment.year <= LAST_YEAR else DATE_RANGE


CHECKS: dict[str, Callable[[Any, Rule], tuple[Any, Fault | None]]] = {
    "float": _float,
    "int": _int,
    "bool": _of_type(bool, BOOL_TYPE),
    "str": _of_type(str, TEXT_TYPE),
    "date": _date,
    "list": _of_type(list, LIST_TYPE),
    "any": _any,
}


def flat_array(values: Sequence[Any], dtype: str) -> Any:
    """One axis of values as a numpy array. Lists and dictionaries stay what they are in an object array."""
    if dtype == "object":
        array = numpy.empty(len(values), dtype=object)
        for index, value in enumerate(values):
            array[index] = value
        return array
    return numpy.array(values, dtype=dtype)


def frame_column(values: Sequence[Any], rule: Rule) -> Any:
    """A column for a DataFrame: numbers as numpy has them, anything else as pandas understands a list."""
    if isinstance(values, numpy.ndarray):
        return cast("Any", values)
    if rule.kind == "float":
        return numpy.array(values, dtype=rule.dtype if rule.dtype.startswith("float") else "float64")
    if rule.kind == "int":
        if rule.missing and None in values:
            return numpy.array(values, dtype="float64")
        return numpy.array(values, dtype=rule.dtype if "int" in rule.dtype else "int64")
    if rule.kind == "bool" and None not in values:
        return numpy.array(values, dtype=bool)
    if rule.kind == "date":
        return numpy.array(values, dtype="datetime64[ns]")
    if rule.kind in ("any", "object") and set(map(type, values)) == {NONE}:
        return numpy.full(len(values), math.nan)  # as a CSV reader has an empty column
    return list(values)
