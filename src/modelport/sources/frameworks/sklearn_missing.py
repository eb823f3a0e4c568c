"""Where a scikit-learn estimator takes missing values, found by asking it; and what it says where not."""

from __future__ import annotations

import datetime
import importlib
import re
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import msgspec

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.findings import FLOAT_TYPE, MAX_FINDINGS, Fault, Findings, Step
from modelport.contract.arrays.rows import TableRows
from modelport.contract.model_options import Column
from modelport.sources.frameworks.sklearn_columns import Look, Looks

MOST_GROUPS = 32  # of columns that are asked about; what is not asked about is left to the model
TOLD = re.compile(r"NaN|missing value", re.IGNORECASE)
WHO = re.compile(r"(\w+) does not accept missing values")
NO_DATES = "Can only use .dt accessor"  # pandas, of a column that a function takes the month of
NO_DATE: Fault = (
    "date_type",
    "The model takes dates here: send the rows as Parquet or Arrow, which have them",
)
TEXT = re.compile(r"could not convert string to float: (.*)", re.DOTALL)

Predict = Callable[[Any], Any]


def missing_columns(predict: Predict | None, given: Input, looks: Looks) -> list[bool]:
    """Whether null is taken in each column of `given`.

    One row is predicted as it is, and again with nothing in the columns that are looked at alike. Without
    `predict`, and where that fails for the row itself, the model has the last word on each request.
    """
    groups = _groups(looks)
    allowed = {number for members in groups for number in members}
    if predict is not None and groups and len(groups) <= MOST_GROUPS:
        columns = given.columns or [Column(name="")] * len(looks)
        loose = [msgspec.structs.replace(column, missing=True) for column in columns]
        reader = TableRows(msgspec.structs.replace(given, columns=loose), given.name)
        samples = [None if look is None else look.sample for look in looks]
        with _quietly():
            if _takes(predict, reader, samples, set()) and not _takes(predict, reader, samples, allowed):
                taken = [m for m in groups if len(groups) > 1 and _takes(predict, reader, samples, set(m))]
                allowed = {number for members in taken for number in members}
    return [look is None or number in allowed for number, look in enumerate(looks)]


def _groups(looks: Looks) -> list[list[int]]:
    """The numbers of the columns that are looked at alike, without those where the answer is known."""
    found: dict[Look, list[int]] = {}
    for number, look in enumerate(looks):
        if look is not None and look.missing is None:
            found.setdefault(Look(look.type, look.parts), []).append(number)
    return list(found.values())


def _takes(predict: Predict, reader: TableRows, samples: list[Any], without: set[int]) -> bool:
    found = Findings()
    cells = [[None if number in without else value] for number, value in enumerate(samples)]
    rows = reader.of_columns(cells, [0], found)
    if found:
        return False
    try:
        predict(rows)
    except Exception:  # estimators say in many ways that they do not take this
        return False
    return True


@contextmanager
def _quietly() -> Generator[None]:
    """Without warnings about the values that were made up, and without processes for them."""
    joblib: Any = importlib.import_module("joblib")
    with warnings.catch_warnings(), joblib.parallel_config(backend="threading"):
        warnings.simplefilter("ignore")
        yield


def refused_cells(error: Exception, rows: Any, columns: list[Column]) -> list[tuple[int, Step, Fault]]:
    """The cells that an error of the estimator is about: missing ones, text, no dates; none for any other.

    `columns` say where missing values are known to be taken.
    """
    words = str(error)
    if NO_DATES in words:
        return _no_dates(rows, [c.type != "any" or not c.used for c in columns])
    if not isinstance(error, ValueError):
        return []
    text = TEXT.match(words)
    if text is not None:
        return _cells(rows, lambda value: isinstance(value, str) and repr(value) == text[1], FLOAT_TYPE, [])
    if TOLD.search(words) is None:
        return []
    taken = [column.missing for column in columns]
    who = WHO.search(words)
    said = f"{who[1]} does not accept missing values" if who else " ".join(words.split())[:200]
    fault: Fault = ("missing_value", f"Input should not be null: {said}")
    return _cells(rows, _is_missing, fault, taken) or _cells(rows, _is_missing, fault, [])


def _no_dates(rows: Any, typed: list[bool]) -> list[tuple[int, Step, Fault]]:
    """The cells that look like dates, else all text, else all that is no date, of columns without a type."""
    tests: list[Callable[[Any], bool]] = [_is_date_text, lambda value: isinstance(value, str)]
    tests.append(lambda value: not isinstance(value, datetime.datetime))
    for test in tests:
        found = _cells(rows, test, NO_DATE, typed)
        if found:
            return found
    return []


def _is_date_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.datetime.fromisoformat(value))
    except ValueError:
        return False


def _cells(
    rows: Any, is_meant: Callable[[Any], bool], fault: Fault, without: list[bool]
) -> list[tuple[int, Step, Fault]]:
    found: list[tuple[int, Step, Fault]] = []
    is_frame = hasattr(rows, "iloc")
    if len(rows.shape) != 2:
        return []
    for number in range(int(rows.shape[1])):
        if number < len(without) and without[number]:
            continue
        column: list[Any] = (rows.iloc[:, number] if is_frame else rows[:, number]).tolist()
        step: Step = str(rows.columns[number]) if is_frame else number
        found += [(row, step, fault) for row, value in enumerate(column) if is_meant(value)]
        if len(found) >= MAX_FINDINGS:
            break
    return found[:MAX_FINDINGS]


def _is_missing(value: Any) -> bool:
    return value is None or cast("bool", value != value)
