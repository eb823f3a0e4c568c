"""What numpy, pandas, Arrow and Python have, as JSON: the same wherever it stands in an answer."""

from __future__ import annotations

import array
import collections
import datetime
import json
import types
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import hypothesis.extra.numpy as made
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from modelport.worker.answers import encode_json

MOMENT = "2024-01-02T03:04:05"
ROME = ZoneInfo("Europe/Rome")
RECORD = [("a", "i8"), ("t", "M8[D]"), ("n", [("b", "f4")])]


@attrs.define
class Shelf:
    books: Any


class Sent(msgspec.Struct, rename="camel", tag="sent"):
    sent_at: Any


class Wrapped(str):
    """Text of a class of its own."""


ELEMENTS: list[tuple[Any, Any]] = [
    (pd.Timestamp(MOMENT), MOMENT),
    (pd.Timestamp("2024-01-02 03:04:05.123456789"), f"{MOMENT}.123456789"),
    (pd.Timestamp(MOMENT, tz="UTC"), f"{MOMENT}Z"),
    (pd.Timestamp(MOMENT, tz=ROME), f"{MOMENT}+01:00"),
    (datetime.datetime(2024, 1, 2, 3, 4, 5), MOMENT),
    (datetime.datetime(2024, 1, 2, 3, 4, 5, 600, tzinfo=ROME), f"{MOMENT}.000600+01:00"),
    (datetime.datetime(1800, 1, 1, tzinfo=ROME), "1800-01-01T00:00:00+00:49:56"),
    (pd.NaT, None),
    (pd.NA, None),
    (np.ma.masked, None),
    (np.datetime64("NaT"), None),
    (np.timedelta64("NaT"), None),
    (np.datetime64("2024", "Y"), "2024-01-01"),
    (np.datetime64("2024-01", "M"), "2024-01-01"),
    (np.datetime64("12000-01-01"), "12000-01-01"),
    (pd.Timedelta("1 days 02:00:00.5"), "P1DT2H0.5S"),
    (pd.Timedelta(7), "PT0.000000007S"),
    (datetime.timedelta(days=-1, microseconds=5), "-PT23H59M59.999995S"),
    (datetime.timedelta(0), "PT0S"),
    (np.timedelta64(3, "M"), "P3M"),
    (np.timedelta64(-2, "W"), "-P14D"),
    (np.timedelta64(1500, "ms"), "PT1.5S"),
    (np.timedelta64(5), 5),
    (pd.Period("2024-01", "M"), "2024-01"),
    (pd.Period("2024-01-01", "Q"), "2024Q1"),
    (pd.Period("2024-01-02 03:00", "h"), "2024-01-02T03:00:00"),
    (pd.Interval(1, 2), "(1, 2]"),
    (pd.Interval(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02"), closed="left"),
     "[2024-01-01T00:00:00, 2024-01-02T00:00:00)"),
    (ROME, "Europe/Rome"),
    (Decimal("1.50"), "1.50"),
    (Decimal("NaN"), None),
    (Decimal("-Infinity"), None),
    (Fraction(1, 3), "1/3"),
    (1 + 2j, "(1+2j)"),
    (np.complex64(1j), "1j"),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.longdouble("nan"), None),
    (np.longdouble("1e4000"), "1e+4000"),
    (2**70, 2**70),
    (Wrapped("t"), "t"),
    (np.array((1, "2024-01-02", (0.5,)), dtype=RECORD)[()], {"a": 1, "t": "2024-01-02", "n": {"b": 0.5}}),
    (Shelf(np.int8(1)), {"books": 1}),
    (Sent(np.datetime64("2024-01-02")), {"type": "sent", "sentAt": "2024-01-02"}),
    (pa.scalar(5), 5),
]  # fmt: skip
LISTS: list[tuple[Any, Any]] = [
    (np.array([[MOMENT], ["NaT"]], dtype="M8[ns]"), [[MOMENT], [None]]),
    (np.array([1, "NaT"], dtype="m8[h]"), ["PT1H", None]),
    (np.array(["NaT"], dtype="M8"), [None]),
    (np.array([[1j], [2]]), [["1j"], ["(2+0j)"]]),
    (np.array([1, np.nan], dtype=np.longdouble), [1.0, None]),
    (np.array([b"a"]), ["YQ=="]),
    (np.zeros((2, 0, 3)), [[], []]),
    (np.zeros((0,), dtype=RECORD), []),
    (np.array([None, np.int8(1), [np.datetime64("2024-01-02")]], dtype=object), [None, 1, ["2024-01-02"]]),
    (np.ma.array([1, 2], mask=[0, 1]), [1, None]),
    (np.ma.array(np.array(["2024-01-02"] * 2, dtype="M8[D]"), mask=[1, 0]), [None, "2024-01-02"]),
    (np.ma.array([(1, 2.5)], dtype=[("a", int), ("b", float)], mask=[(0, 1)]), [{"a": 1, "b": None}]),
    (pd.Categorical(["a", None]), ["a", None]),
    (pd.cut(pd.Series([1.0, None, 2.0]), [0, 1, 2]), ["(0, 1]", None, "(1, 2]"]),
    (pd.Series(["a", None]), ["a", None]),
    (pd.Series([1, None], dtype="Int64"), [1, None]),
    (pd.Series([True, None], dtype="boolean"), [True, None]),
    (pd.Series([1.5, None], dtype="Float64"), [1.5, None]),
    (pd.Series([1, 2, 3])[lambda s: s > 1], [2, 3]),
    (pd.DatetimeIndex([MOMENT, None]), [MOMENT, None]),
    (pd.MultiIndex.from_tuples([("a", pd.Timestamp(MOMENT))]), [["a", MOMENT]]),
    (pd.RangeIndex(2), [0, 1]),
    (scipy.sparse.csr_matrix([[0, 1.5]]), [[0, 1.5]]),
    (scipy.sparse.coo_array([[0, 1]]), [[0, 1]]),
    (pa.array([1, None]), [1, None]),
    (array.array("d", [1.0]), [1.0]),
    (collections.deque([np.int8(1)]), [1]),
    (collections.UserList([1]), [1]),
    ({"a": 1}.keys(), ["a"]),
    (range(2), [0, 1]),
    ((x for x in [pd.NaT]), [None]),
    ([b"abc", bytearray(b"a"), memoryview(b"abc")[::2]], ["YWJj", "YQ==", "YWM="]),
    (pa.table({"a": [1, None], "t": pa.array([datetime.date(2024, 1, 2), None])}),
     [{"a": 1, "t": "2024-01-02"}, {"a": None, "t": None}]),
    (pa.record_batch({"a": [1]}), [{"a": 1}]),
]  # fmt: skip
TABLES: list[tuple[Any, Any]] = [
    (pd.DataFrame({"t": pd.to_datetime([MOMENT, None]), "read": ["x", None]}),
     [{"t": MOMENT, "read": "x"}, {"t": None, "read": None}]),
    (pd.DataFrame([[1, 2]]), [{"0": 1, "1": 2}]),
    (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", 1)])),
     [{"('a', 'x')": 1, "('a', 1)": 2}]),
    (pd.DataFrame([[1]], columns=[pd.Timestamp(MOMENT)]), [{MOMENT: 1}]),
    (pd.DataFrame({"k": ["x", "x"], "a": [1, 2]}).groupby("k").sum(), [{"k": "x", "a": 3}]),
    (pd.DataFrame({"a": [1]}, index=["x"]), [{"index": "x", "a": 1}]),
    (pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 2)], names=["k", None])),
     [{"k": "x", "level_1": 2, "a": 1}]),
    (pd.DataFrame({"a": [1, 2]})[lambda d: d.a > 1], [{"a": 2}]),
    (pd.DataFrame(index=[0, 1]), [{}, {}]),
    (pd.DataFrame(), []),
    (pd.Series([1, 2], index=["x", "y"]), {"x": 1, "y": 2}),
    (pd.Series([1], index=pd.to_datetime([MOMENT])), {MOMENT: 1}),
    (types.MappingProxyType({np.int8(1): np.int8(2)}), {"1": 2}),
    (collections.UserDict(a=pd.NaT), {"a": None}),
]  # fmt: skip
LOST: list[tuple[Any, str]] = [
    ({1: "a", "1": "b"}, r"'1' as text: 1, '1'"),
    ({"in": [{None: 1, pd.NaT: 2}]}, r"'null' as text: None, NaT"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns of a table are 'a'"),
    (pd.DataFrame([[1, 2]], columns=[1, "1"]), r"'1' as text: 1, '1'"),
    (pd.DataFrame({"k": [1]}, index=pd.Index([1], name="k")), "'k' as text"),
    (pd.Series([1, 2], index=["x", "x"]), "labels of a Series are 'x'"),
    (pa.table([[1], [2]], names=["a", "a"]), "columns of a table are 'a'"),
    (scipy.sparse.csr_matrix((10**5, 10**5)), "100000 x 100000"),
    ([object()], "a object has no form in JSON"),
    ({"f": lambda: 1}, "a function has no form in JSON"),
    (pd.DataFrame({"a": [1]}).groupby("a"), "a DataFrameGroupBy has no form"),
]  # fmt: skip


def answered(value: Any) -> Any:
    return json.loads(encode_json(value, allow_nan=False))


@pytest.mark.parametrize(("value", "expected"), ELEMENTS, ids=lambda v: type(v).__name__)
def test_an_element_has_one_form_in_every_place(value: Any, expected: Any) -> None:
    cell = np.empty(1, object)
    cell[0] = value
    assert answered(value) == expected
    assert answered([value, {"a": (value,)}]) == [expected, {"a": [expected]}]
    assert answered(cell) == [expected]
    assert answered(pd.DataFrame({"c": pd.Series(cell, dtype=object)})) == [{"c": expected}]
    assert answered(pd.Series(cell, dtype=object)) == [expected]
    kept = json.loads(encode_json([value], allow_nan=True), parse_constant=lambda name: None)
    assert kept == [expected]


@pytest.mark.parametrize(("value", "expected"), LISTS + TABLES, ids=lambda v: type(v).__name__)
def test_a_container_shows_everything_that_is_in_it(value: Any, expected: Any) -> None:
    if isinstance(value, types.GeneratorType):
        assert answered({"in": value}) == {"in": expected}
        return
    assert answered(value) == expected
    assert answered({"in": [value]}) == {"in": [expected]}


@pytest.mark.parametrize(("value", "words"), LOST, ids=lambda v: type(v).__name__)
def test_what_would_be_lost_is_an_error_that_names_it(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        encode_json(value, allow_nan=False)
    with pytest.raises(TypeError, match=words):
        encode_json({"in": [value]}, allow_nan=True)


def test_missing_text_is_null_where_nan_may_stay() -> None:
    frame = pd.DataFrame({"text": ["a", None], "number": [1.0, None]})
    expected = b'[{"text":"a","number":1.0},{"text":null,"number":NaN}]'
    assert encode_json(frame, allow_nan=True) == expected


arrays = made.arrays(
    made.scalar_dtypes() | made.array_dtypes(made.scalar_dtypes(), max_size=3, allow_subarrays=False),
    made.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3),
)


@given(arrays)
def test_an_array_is_answered_as_its_elements_are(given_array: np.ndarray) -> None:
    def by_element(inner: Any) -> Any:
        return [by_element(one) for one in inner] if isinstance(inner, np.ndarray) else answered(inner)

    assert answered(given_array) == by_element(given_array)


@given(st.lists(st.datetimes() | st.timedeltas() | st.dates() | st.decimals() | st.binary(), max_size=5))
def test_a_table_is_answered_as_its_cells_are(cells: list[Any]) -> None:
    frame = pd.DataFrame({"c": pd.Series(cells, dtype=object)})
    assert answered(frame) == [{"c": answered(cell)} for cell in cells]


@given(st.integers(-(2**62), 2**62), st.sampled_from(["ns", "us", "ms", "s"]))
def test_a_moment_has_one_form_in_numpy_and_pandas(count: int, unit: str) -> None:
    moment = np.datetime64(count % 4_000_000_000, unit)
    assert answered(moment) == answered(pd.Timestamp(moment)) == answered(pd.DatetimeIndex([moment]))[0]
    span = np.timedelta64(count % 4_000_000_000, unit)
    assert answered(span) == answered(pd.Timedelta(span)) == answered(pd.TimedeltaIndex([span]))[0]
