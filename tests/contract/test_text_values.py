"""Text of a query, a form or the command line, read as each type that a hint can name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
import re
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pydantic
import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from modelport.contract.hints import adapter_of
from modelport.contract.text_values import TextReader


class Grade(enum.Enum):
    ONE = 1
    TWO = 2


class Mixed(enum.Enum):
    TEXT = "a"
    NUMBER = 1
    PART = 0.5


class Bits(enum.Flag):
    LEFT = 1
    RIGHT = 2


class Point(BaseModel):
    x: float


@dataclasses.dataclass
class Box:
    left: int
    lasts: dt.timedelta = dt.timedelta()


class Options(TypedDict):
    depth: int


ONLY = Literal[Mixed.TEXT, Mixed.NUMBER, 5]
Number = NewType("Number", int)
Level = Annotated[int, Field(ge=1, le=9)]
TOP = Literal[1, 3, 5]
MINUTE = dt.timedelta(seconds=60)
ID = "00000000-0000-0000-0000-000000000005"

READ: list[tuple[Any, str | list[str], Any]] = [
    (int, "5", 5), (int, "5.0", 5), (float, "1e3", 1000.0), (bool, "yes", True), (bool, "0", False),
    (str, "5", "5"), (str, '"5"', '"5"'), (bytes, "a", b"a"), (complex, "1+2j", 1 + 2j), (Any, "5", "5"),
    (None, "null", None), (Path, "/a b", Path("/a b")), (UUID, ID, UUID(ID)),
    (Decimal, "1.50", Decimal("1.50")),
    (dt.date, "2020-02-29", dt.date(2020, 2, 29)), (dt.time, "10:30", dt.time(10, 30)),
    (dt.datetime, "2020-02-29T01:02:03", dt.datetime(2020, 2, 29, 1, 2, 3)),
    (dt.timedelta, "60", MINUTE), (dt.timedelta, "0:01:00", MINUTE), (dt.timedelta, "PT1M", MINUTE),
    (dt.timedelta, "-1.5", dt.timedelta(seconds=-1.5)), (re.Pattern[str], "a.*", re.compile("a.*")),
    (ipaddress.IPv4Address, "127.0.0.1", ipaddress.IPv4Address("127.0.0.1")),
    (Number, "5", 5), (Level, "9", 9), (Annotated[TOP, Field(description="How many")], "3", 3),
    (TOP, "5", 5), (Literal["a", 1], "1", 1), (Literal["a", 1], "a", "a"),
    (Literal[True, "auto"], "true", True),
    (Grade, "2", Grade.TWO), (Mixed, "a", Mixed.TEXT), (Mixed, "1", Mixed.NUMBER), (Mixed, "0.5", Mixed.PART),
    (Bits, "3", Bits.LEFT | Bits.RIGHT), (ONLY, "a", Mixed.TEXT), (ONLY, "1", Mixed.NUMBER), (ONLY, "5", 5),
    (Literal[Grade.TWO], "2", Grade.TWO), (ONLY | None, "1", Mixed.NUMBER), (ONLY | str, "1", Mixed.NUMBER),
    (list[ONLY], ["1", "a"], [Mixed.NUMBER, Mixed.TEXT]), (dict[str, ONLY], '{"b": 1}', {"b": Mixed.NUMBER}),
    (Annotated[ONLY, Field(description="One")], "1", Mixed.NUMBER),
    (int | None, "5", 5), (int | None, "null", None), (TOP | None, "3", 3), (Grade | None, "2", Grade.TWO),
    (dt.timedelta | None, "60", MINUTE), (str | None, "null", "null"), (str | None, "5", "5"),
    (int | str, "5", 5), (int | str, "five", "five"), (float | Literal["auto"], "auto", "auto"),
    (float | Literal["auto"], "0.5", 0.5), (Grade | str, "2", Grade.TWO), (TOP | str, "3", 3),
    (bool | int, "1", 1), (bool | int, "true", True), (dt.datetime | int, "5", 5),
    (list[int] | str, "[1, 2]", [1, 2]), (dict[str, int] | str, '{"a": 1}', {"a": 1}),
    (list[int] | int, "[1, 2]", [1, 2]), (list[int] | int, ["1", "2"], [1, 2]), (list[int] | int, "1", 1),
    (list[TOP], ["1", "3"], [1, 3]), (list[TOP], "[1, 3]", [1, 3]), (list[Grade], ["2"], [Grade.TWO]),
    (list[Grade] | None, ["2", "1"], [Grade.TWO, Grade.ONE]), (set[Grade], ["2"], {Grade.TWO}),
    (frozenset[dt.date], ["2020-02-29"], frozenset({dt.date(2020, 2, 29)})), (list[Level], ["1"], [1]),
    (list[dt.timedelta], ["60", "PT1M"], [MINUTE, MINUTE]),
    (list[int | Literal["auto"]], ["1", "auto"], [1, "auto"]),
    (list[str], ["1", "[2]"], ["1", "[2]"]), (list[str], '["a", "b"]', ["a", "b"]), (list[str], "[a", ["[a"]),
    (list[Path], ["/a"], [Path("/a")]), (list[list[int]], ["[1, 2]", "[3]"], [[1, 2], [3]]),
    (list[list[int]], "[[1, 2], [3]]", [[1, 2], [3]]), (list, ["1", "x"], ["1", "x"]),
    (tuple[int, str], ["1", "2"], (1, "2")), (tuple[int, Grade], '[1, 2]', (1, Grade.TWO)),
    (tuple[Grade, ...], ["1", "2"], (Grade.ONE, Grade.TWO)), (Sequence[int], ["1"], [1]),
    (deque[int], ["1", "2"], deque([1, 2])),
    (dict[str, dt.timedelta], '{"a": 60}', {"a": MINUTE}), (dict[int, set[int]], '{"1": [2, 2]}', {1: {2}}),
    (Mapping[str, Grade], '{"a": 2}', {"a": Grade.TWO}), (Point, '{"x": 1}', Point(x=1.0)),
    (Box, '{"left": 1, "lasts": 60}', Box(1, MINUTE)), (Options, '{"depth": 1}', {"depth": 1}),
    (list[Point], ['{"x": 1}', '{"x": 2}'], [Point(x=1.0), Point(x=2.0)]), (Point | None, "null", None),
]  # fmt: skip
REFUSED: list[tuple[Any, str | list[str], tuple[int | str, ...], str]] = [
    (ONLY, "0.5", (), "Input should be 'a', 1 or 5"), (ONLY, "true", (), "Input should be 'a', 1 or 5"),
    (TOP, "2", (), "Input should be 1, 3 or 5"), (Grade, "3", (), "Input should be 1 or 2"),
    (int, "true", (), "valid integer"), (list[int], ["1", "true"], (1,), "valid integer"),
    (int, "1e3", (), "valid integer"), (int, "", (), "valid integer"),
    (dt.timedelta, "true", (), "valid duration"),
    (Level, "10", (), "less than or equal"),
    (dt.timedelta, "", (), "valid duration"), (list[TOP], ["1", "2"], (1,), "Input should be 1, 3 or 5"),
    (list[Point], ['{"x": 1}', '{"x"'], (1,), "valid dictionary"),
    (Point, '{"x": "y"}', ("x",), "valid number"),
    (dict[str, int], "5", (), "an object"), (int, "9" * 5000, (), "exceeded maximum size"),
    (int, "[" * 5000, (), "Invalid JSON"),
]  # fmt: skip


def read(hint: Any, given: str | list[str]) -> Any:
    return TextReader(hint, adapter_of(hint)).read([given] if isinstance(given, str) else given)


@pytest.mark.parametrize(("hint", "given", "value"), READ, ids=str)
def test_text_is_read_as_the_type_that_the_hint_names(hint: Any, given: str | list[str], value: Any) -> None:
    found = read(hint, given)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("hint", "given", "place", "said"), REFUSED, ids=lambda value: str(value)[:30])
def test_text_that_is_no_such_value_is_refused_at_its_place(
    hint: Any, given: str | list[str], place: tuple[int | str, ...], said: str
) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        read(hint, given)
    [error] = caught.value.errors()
    assert error["loc"] == place
    assert said in error["msg"]
