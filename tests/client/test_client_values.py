"""Pictures, files, times and other values of Python through the client."""

from __future__ import annotations

import io
import json
import os
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pydantic import BaseModel
from scipy import sparse

from modelport.client import Content
from modelport.client.arguments import body_of
from modelport.client.plain import json_of


class Size(BaseModel):
    width: int
    when: date


@dataclass
class Point:
    x: Any
    y: Any


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


HOUR = timedelta(hours=1)
VALUES: dict[str, tuple[Any, Any]] = {
    "NaN": (float("nan"), None),
    "NaN within": ({"a": [1.0, float("nan")]}, {"a": [1.0, None]}),
    "NaN of numpy": (np.float32("nan"), None),
    "NaN in an array": (np.array([[1.5, np.nan]]), [[1.5, None]]),
    "NaT": (pd.NaT, None),
    "NA": ([pd.NA, np.datetime64("NaT")], [None, None]),
    "numbers of numpy": ([np.int64(2), np.float32(0.5), np.bool_(True)], [2, 0.5, True]),
    "keys of numpy": ({np.int64(1): 2, date(2020, 1, 2): 3}, {"1": 2, "2020-01-02": 3}),
    "a moment": (datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC), "2020-02-29T01:02:03+00:00"),
    "a time of day": (time(1, 2), "01:02:00"),
    "a moment of pandas": (pd.Timestamp("2020-02-29 01:02:03.000000001"), "2020-02-29T01:02:03.000000001"),
    "moments of numpy": (
        np.array(["2020-02-29", "NaT"], "datetime64[ns]"),
        ["2020-02-29T00:00:00", None],
    ),
    "a day of numpy": (np.datetime64("2020-02-29"), "2020-02-29"),
    "durations": ([HOUR, -HOUR / 7200, pd.Timedelta("1ns")], ["PT3600S", "-PT0.5S", "PT0.000000001S"]),
    "durations of numpy": (np.array([1500, "NaT"], "timedelta64[ms]"), ["PT1.5S", None]),
    "a sparse matrix": (sparse.csr_array([[0, 1], [2, 0]]), [[0, 1], [2, 0]]),
    "sets and the like": ([{1}, range(2), deque([3]), {4: 5}.values()], [[1], [0, 1], [3], [5]]),
    "a generator": ((n * n for n in range(3)), [0, 1, 4]),
    "another mapping": (MappingProxyType({"a": 1}), {"a": 1}),
    "a model of pydantic": (Size(width=1, when=date(2020, 1, 2)), {"width": 1, "when": "2020-01-02"}),
    "a dataclass": (Point(1, float("nan")), {"x": 1, "y": None}),
    "members of enums": ([Colour.RED, Level.HIGH], ["red", 3]),
    "exact numbers": ([Decimal("1.10"), UUID(int=1)], ["1.10", "00000000-0000-0000-0000-000000000001"]),
    "a column": (pd.Series([1.0, None], dtype="Float64"), [1.0, None]),
    "a table within": ({"t": pd.DataFrame({"a": [1]})}, {"t": [{"a": 1}]}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_python_as_json(name: str) -> None:
    value, expected = VALUES[name]
    assert json.loads(json_of("a", value)) == expected


@pytest.mark.parametrize("value", [np.inf, [float("-inf")], np.array([np.inf]), Fraction(1, 3), object()])
def test_what_json_cannot_say_is_named(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="argument 'a' cannot be sent as JSON: "):
        json_of("a", value)


def test_lists_beside_a_file_are_fields_of_their_own() -> None:
    body = body_of(
        {"f": b"x", "tags": np.array(["a", "b"]), "on": [True, 2], "deep": [[1]], "day": date(2020, 1, 2)}
    )
    assert body.fields == {"tags": ["a", "b"], "on": ["true", "2"], "deep": "[[1]]", "day": "2020-01-02"}


# -- pictures --------------------------------------------------------------------------------------------


def test_a_picture_in_hand_is_uploaded(hand_client: Any) -> None:
    picture = Image.new("RGB", (3, 2), (1, 2, 3))
    expected = {"name": "image.png", "mode": "RGB", "size": [3, 2], "corner": [1, 2, 3], "turned": None}
    assert hand_client.predict("Pictures", picture) == [expected]
    told = hand_client.predict("Pictures", image=picture, more=[picture, np.asarray(picture)])
    assert [each | {"name": ""} for each in told] == [expected | {"name": ""}] * 3
    assert [each["name"] for each in told] == ["image.png", "more1.png", "more2.png"]


def test_an_array_is_a_picture_where_the_model_takes_one(hand_client: Any) -> None:
    (told,) = hand_client.predict("Pictures", np.array([[7, 8]], dtype="uint8"))
    assert (told["mode"], told["size"], told["corner"]) == ("L", [2, 1], 7)
    with pytest.raises(TypeError, match="an array of uint8 can be sent as a picture, not one of float64"):
        hand_client.predict("Pictures", np.zeros((2, 2)))


@pytest.mark.parametrize(("mode", "corner"), [("CMYK", [1, 2, 3, 4]), ("I", 70000), ("F", 0.5), ("1", 255)])
def test_a_picture_that_png_would_change_keeps_its_values(hand_client: Any, mode: str, corner: Any) -> None:
    colour = tuple(corner) if isinstance(corner, list) else corner
    (told,) = hand_client.predict("Pictures", image=Image.new(mode, (2, 2), colour))
    assert (told["mode"], told["corner"]) == (mode, corner)


def test_how_a_photograph_was_held_is_kept(hand_client: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2, 2)).save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as photo:
        (told,) = hand_client.predict("Pictures", photo)
    assert (told["name"], told["turned"]) == ("image.png", 6)


# -- files -----------------------------------------------------------------------------------------------


class Place(os.PathLike[str]):
    """A path that is none of pathlib's."""

    def __init__(self, path: Path):
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_files_may_be_any_path_and_opened_as_text(hand_client: Any, tmp_path: Path) -> None:
    path = tmp_path / "übung.txt"
    path.write_text("größer", encoding="utf-8")
    for file in (path, Place(path), PurePosixPath(path)):
        assert hand_client.predict("Reads", file)["name"] == "übung.txt"
    with path.open(encoding="utf-8") as opened:
        told = hand_client.predict("Reads", opened)
    assert (told["name"], told["text"]) == ("übung.txt", "größer")
    assert hand_client.predict("Reads", file=("a.txt", io.StringIO("ä")))["text"] == "ä"


# -- answers ---------------------------------------------------------------------------------------------


def test_an_answer_that_is_a_table_is_a_frame_when_asked() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    table, streamed, filed = pa.Table.from_pandas(frame), io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(streamed, table.schema) as stream, pa.ipc.new_file(filed, table.schema) as file:
        stream.write(table)
        file.write(table)
    for media, content in (
        ("text/csv; charset=utf-8", frame.to_csv(index=False).encode()),
        ("application/vnd.apache.parquet", frame.to_parquet()),
        ("application/vnd.apache.arrow.stream", streamed.getvalue()),
        ("application/vnd.apache.arrow.file", filed.getvalue()),
    ):
        pd.testing.assert_frame_equal(Content(content, media).to_pandas(), frame, check_dtype=False)
    with pytest.raises(TypeError, match="image/png is no table"):
        Content(b"", "image/png").to_pandas()
