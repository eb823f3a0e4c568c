"""What models return, as JSON."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json
import math
import types
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from modelport.worker.answers import encode_json

Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Box:
    label: str
    corners: Any


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Point(BaseModel):
    x: float
    at: datetime.date | None = None


class Opaque:
    def __str__(self) -> str:
        return "opaque"


class TextKind(str):
    """A kind of text, as numpy's own."""


UTC = datetime.UTC
CASES: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (1, 1),
    (1.5, 1.5),
    ("\u00e9\U0001f600\x1f\u2028", "\u00e9\U0001f600\x1f\u2028"),
    ([1, (2, 3)], [1, [2, 3]]),
    ({3}, [3]),
    (frozenset({"a"}), ["a"]),
    (Pair(1, [2]), [1, [2]]),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.int64(-7), -7),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.bool_(True), True),
    (np.str_("text"), "text"),
    (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
    (np.array(3), 3),
    (np.array([]), []),
    (np.array([1.0, np.nan, -np.inf]), [1.0, None, None]),
    (np.array(["a", None], dtype=object), ["a", None]),
    (np.datetime64("2020-02-29"), "2020-02-29"),
    (np.float32("nan"), None),
    (math.nan, None),
    ([math.inf, {"a": -math.inf}], [None, {"a": None}]),
    (datetime.date(2020, 2, 29), "2020-02-29"),
    (datetime.datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC), "2020-02-29T01:02:03Z"),
    (datetime.time(1, 2, 3), "01:02:03"),
    (Decimal("1.50"), "1.50"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (Path("a") / "b", "a/b"),
    (Colour.RED, "red"),
    (Level.HIGH, 2),
    (Box("b", np.eye(1)), {"label": "b", "corners": [[1.0]]}),
    (Point(x=1, at=datetime.date(2020, 1, 1)), {"x": 1.0, "at": "2020-01-01"}),
    (Opaque(), "opaque"),
    (TextKind("t"), "t"),
    (
        {"deep": [Box("b", {"p": (Point(x=2),)})]},
        {"deep": [{"label": "b", "corners": {"p": [{"x": 2, "at": None}]}}]},
    ),
]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=lambda v: type(v).__name__)
def test_values_have_their_natural_form(value: Any, expected: Any) -> None:
    assert json.loads(encode_json(value, allow_nan=False)) == expected


KEYS: list[tuple[Any, str]] = [
    (1, "1"),
    (1.5, "1.5"),
    (True, "true"),
    (None, "null"),
    (math.nan, "nan"),
    (np.int64(3), "3"),
    (np.str_("text"), "text"),
    (np.float32(0.5), "0.5"),
    ((1, 2), "(1, 2)"),
    (Colour.RED, "red"),
    (Level.HIGH, "2"),
    (datetime.date(2020, 2, 29), "2020-02-29"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (Path("a"), "a"),
    (Opaque(), "opaque"),
]


@pytest.mark.parametrize(("key", "expected"), KEYS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("nested", [False, True])
def test_keys_that_are_no_text_become_text(key: Any, expected: str, nested: bool) -> None:
    value = {"outer": [{key: 1}]} if nested else {key: 1}
    wanted = {"outer": [{expected: 1}]} if nested else {expected: 1}
    assert json.loads(encode_json(value, allow_nan=False)) == wanted


def test_nan_stays_where_it_is_allowed() -> None:
    value = {"a": math.nan, "b": [math.inf, -math.inf], "c": np.array([np.nan])}
    assert encode_json(value, allow_nan=True) == b'{"a":NaN,"b":[Infinity,-Infinity],"c":[NaN]}'


def test_a_cycle_is_an_error_and_no_crash() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises((RecursionError, ValueError)):
        encode_json(cycle, allow_nan=False)


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain_values)
def test_json_values_come_back_as_they_were(value: Any) -> None:
    assert json.loads(encode_json(value, allow_nan=False)) == value
    assert json.loads(encode_json(value, allow_nan=True)) == value
