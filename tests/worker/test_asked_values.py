"""What a model gives to another one and gets back is what a function would take and return."""

from __future__ import annotations

import asyncio
import datetime
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import BaseModel

import modelport
from modelport.contract.ask_ways import MOST_MODELS, wrong_way
from modelport.contract.errors import ModelLoadError
from modelport.contract.packed_values import packed, unpacked

MODELS = Path(__file__).parents[1] / "models"


def asked(name: str) -> Any:
    return modelport.model(name.lower(), source=f"{MODELS}/asking_models.py:{name}")


ARRAYS = {
    "floats": np.array([[1.5, float("nan")], [np.inf, -0.0]]),
    "one number": np.array(3, dtype=np.int8),
    "nothing": np.zeros((0, 3), np.float32),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "texts": np.array(["a", "grüße"]),
    "bytes": np.array([b"a", b"bc"]),
    "dates": np.array(["2024-02-29", "NaT"], dtype="datetime64[ns]"),
    "big endian": np.arange(4, dtype=">i4"),
    "every second": np.arange(20).reshape(4, 5)[::2, ::2],
    "Fortran's": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "large": np.arange(300_000),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_as_they_went(name: str) -> None:
    array = ARRAYS[name]
    found = asked("Echo").predict(value={"deep": [array]})["deep"][0]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array, equal_nan=array.dtype.kind in "fcM")
    assert found.flags.writeable


@pytest.mark.parametrize("name", [None, 3, b"echo"])
def test_a_name_that_is_no_text_is_refused_where_it_is_written(name: Any) -> None:
    with pytest.raises(TypeError, match="is no text"):
        modelport.model(name)


@pytest.mark.parametrize("timeout", ["3", True, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused_where_it_is_written(timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the timeout .* is no"):
        modelport.model("echo", timeout=timeout)


class Point(BaseModel):
    x: int
    values: Any = None


@dataclass
class Pair:
    left: Any
    right: Any


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": [1, 2.5, "x", None, True]}, {"a": [1, 2.5, "x", None, True]}),
        ((1, 2), [1, 2]),
        (np.float32(0.5), 0.5),
        (Point(x=1), {"x": 1, "values": None}),
        (Pair(1, "b"), {"left": 1, "right": "b"}),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        ({1: "one"}, {"1": "one"}),
        ({"deep": b"\0\xff"}, {"deep": b"\0\xff"}),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        (np.ma.masked_array([1, 2], [False, True]), [1, None]),
        (2**63, 2**63),
        ("x" * 3_000_000, "x" * 3_000_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_else_is_what_it_is_in_an_answer(value: Any, found: Any) -> None:
    assert asked("Echo").predict(value=value) == found


def test_arrays_within_objects_stay_arrays() -> None:
    assert asked("Echo").predict(value=Point(x=1, values=np.arange(3)))["values"].tolist() == [0, 1, 2]
    assert asked("Echo").predict(value=Pair(np.arange(2), None))["left"].tolist() == [0, 1]


@pytest.mark.parametrize("value", [np.array([{}, None]), np.array([(1, 2.0)], dtype="i4,f4")])
def test_arrays_of_objects_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"an array of .* cannot be given to another model"):
        asked("Echo").predict(value=value)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", packed([1, 2])[:-1], b"\xc7\x01\x07a", b"\xc7\x01\x01a", packed(np.arange(3))[:-1]]
)
def test_what_was_not_packed_here_is_refused(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        unpacked(data)


# --- arguments of the three contracts


def test_a_typed_model_gets_arrays_and_answers_with_them() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = asked("Sums").predict(array=rows, weights={"a": 1.0, "b": 1.0})
    assert found["type"] == "<f4"
    assert found["rows"].dtype == np.float32
    assert found["rows"].tolist() == [6.0, 24.0]
    assert asked("Sums").predict(array=[[1, 2]])["rows"].tolist() == [3.0]


def test_arguments_that_do_not_fit_are_told_as_to_a_client() -> None:
    with pytest.raises(modelport.ModelError) as caught:
        asked("Sums").predict(array="x", weight={})
    assert caught.value.status == 422
    assert set(caught.value.messages) == {"array", "weight"}
    assert "did you mean 'weights'?" in caught.value.detail


def test_files_are_whatever_one_has_in_hand(tmp_path: Path) -> None:
    picture = Image.new("L", (6, 4), 200)
    path = tmp_path / "a.png"
    picture.save(path)
    content = io.BytesIO()
    picture.save(content, "PNG")
    sees = asked("Sees")
    with path.open("rb") as opened:
        given: list[Any] = [path, modelport.Image(path), modelport.File(path), picture, content.getvalue()]
        for image in [*given, content, opened]:
            assert sees.predict(image=image) == {"width": 6, "height": 4}
    with pytest.raises(modelport.ModelError, match="Not a valid file"):
        sees.predict(image=str(path))
    with pytest.raises(FileNotFoundError):
        sees.predict(image=tmp_path / "none.png")
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, modelport.File(tmp_path), tmp_path / "pipe", modelport.File(tmp_path / "pipe")):
        with pytest.raises(OSError, match="image: .* is no file"):
            sees.predict(image=other)


def test_a_picture_and_a_file_come_as_such(tmp_path: Path) -> None:
    part = asked("Crops").predict(image=Image.new("L", (30, 20)))
    assert isinstance(part, modelport.Image)
    assert (part.width, part.height, part.content_type) == (8, 4, "image/png")
    path = tmp_path / "größe.png"
    Image.new("L", (30, 20)).save(path)
    whole = asked("Crops").predict(image=path, as_file=True)
    assert (whole.read(), whole.content_type) == (path.read_bytes(), "image/png")
    assert whole.path != path


def test_a_model_of_deepaas_is_asked_by_its_fields_wherever_they_are_read_from(tmp_path: Path) -> None:
    model = modelport.model("deepaas", source=str(MODELS / "asked_deepaas.py"))
    note = tmp_path / "note.txt"
    note.write_text("so it is")
    found = model.predict(text="ab", numbers=np.array([0.5, 1.5]), times=2, token="t", note=note)
    assert found == {"text": "abab", "sum": 2.0, "token": "t", "note": "so it is"}
    assert model.predict(**{"text": "ab", "X-Token": "u"}) == {
        "text": "ab",
        "sum": 0,
        "token": "u",
        "note": "",
    }
    with pytest.raises(modelport.ModelError) as caught:
        model.predict(times="often")
    assert set(caught.value.messages) == {"text", "times"}


def test_an_array_model_gets_rows_and_answers_with_an_array() -> None:
    model = modelport.model("iris", source=f"{MODELS}/array_models.py:iris")
    rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 3.4, 5.4, 2.3]])
    found = model.predict(X=rows)
    assert found.tolist() == [0, 2]
    assert found.dtype.kind == "i"
    with pytest.raises(modelport.ModelError, match="X"):
        model.predict(X=rows[:, :2])


# --- without a server


def test_streams_are_pieces_or_a_list() -> None:
    counts = asked("Counts")
    assert [piece["number"] for piece in counts.predict(upto=3)] == [0, 1, 2]
    pieces = counts.stream(upto=100)
    assert next(pieces)["bytes"] == b"x"
    assert next(pieces)["array"].tolist() == [0]
    pieces.close()
    with pytest.raises(modelport.ModelError, match="it is unlucky"):
        list(counts.stream(upto=20))
    assert list(asked("Twice").stream(number=4)) == [8]


def test_an_async_model_is_asked_and_asks_as_in_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODELS))
    gathered = modelport.model("gathered")
    assert gathered.predict(number=3) == [6, 8]
    with pytest.raises(modelport.ModelError, match=r"use predict_async\(\)"):
        gathered.predict(number=3, block=True)


def test_its_engine_is_set_up_once_and_ends_with_the_process() -> None:
    ask = f"modelport.model('engine', source='{MODELS}/engines.py:SetUp').predict(question='x')"
    command = [sys.executable, "-c", f"import modelport; print({ask}); print({ask})"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"(X in (\d+), WARM in \2\n){2}the engine has ended\n", done.stdout), done
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("models/engines.py:CannotStart", r"setup\(\) failed: RuntimeError: no device"),
        ("faults/faulty_models.py:WarmYields", r"warm\(\) failed: TypeError: it gives a generator"),
    ],
)
def test_one_that_cannot_be_set_up_or_warmed_says_so(model: str, said: str) -> None:
    with pytest.raises(ModelLoadError, match=said):
        modelport.model("cannot", source=f"{MODELS.parent}/{model}").predict()


def test_what_a_model_asks_while_it_is_loaded_is_loaded_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODELS))
    assert asked("EarlySoon").predict() == [[2, 4], [4, 6]]


async def _asked_in_a_loop() -> Any:
    twice = asked("Twice")
    both = await asyncio.gather(twice.predict_async(number=1), twice.predict_async(number=2))
    pieces = [piece["number"] async for piece in asked("Counts").stream_async(upto=3)]
    return both, pieces, twice.predict(number=3)  # as in a cell of a notebook


def test_in_an_event_loop_too() -> None:
    assert asyncio.run(_asked_in_a_loop()) == ([2, 4], [0, 1, 2], 6)


def test_models_that_ask_models_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODELS))
    assert modelport.model("chained").predict(number=3) == 12
    with pytest.raises(modelport.ModelError, match="in a circle: circular → circular"):
        modelport.model("circular").predict()


def test_what_is_nowhere_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(ModelLoadError, match=r"modelport\.model\('nowhere', source='path/to/nowhere\.py'\)"):
        modelport.model("nowhere").predict()


def test_a_way_may_have_so_many_models_and_each_once() -> None:
    way = [f"m{number}" for number in range(MOST_MODELS)]
    assert wrong_way(way[:-1], "last") == ""
    assert wrong_way(way, "last").endswith("m14 → m15 → last")
    assert "more than 16 models" in wrong_way(way, "last")
    assert wrong_way(["a", "b"], "a") == "the models ask each other in a circle: a → b → a"
