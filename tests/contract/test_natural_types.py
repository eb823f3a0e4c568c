"""Hints that name arrays, frames, tensors and pictures: what is read for them, and what is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import natural_models
import pytest
from PIL import Image

from modelport.contract.errors import ArgumentErrors, ModelLoadError
from modelport.contract.places import Places
from modelport.contract.uploaded_file import UploadedFile
from modelport.sources.load import served_model

TAKES = served_model(natural_models.Takes(), "takes")


def told(places: Places) -> dict[str, Any]:
    arguments = TAKES.bind("predict", places)
    found = TAKES.call("predict", arguments)
    return {name: value for name, value in found.items() if name in places.json | places.query | places.form}


def as_json(value: dict[str, Any]) -> Places:
    return Places(json=value, raw_json=json.dumps(value).encode())


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({"array": [[1, 2], [3, 4]]}, ["int64", [[1, 2], [3, 4]]]),
        ({"array": ["a", "b"]}, ["<U1", ["a", "b"]]),
        ({"floats": [1, 2.5]}, ["float32", [1.0, 2.5]]),
        ({"like": [True, False]}, ["bool", [True, False]]),
        ({"aliased": [1, 2]}, ["int64", [1, 2]]),
        ({"pairs": [[1, [2]]]}, {"0": {"0": ["int", 1], "1": ["int64", [2]]}}),
        ({"named": {"a": [1], "b": [2.5]}}, {"a": ["int64", [1]], "b": ["float64", [2.5]]}),
        ({"several": [[1], [2, 3]]}, {"0": ["int64", [1]], "1": ["int64", [2, 3]]}),
        ({"number": 1}, ["float64", 1.0]),
        ({"count": 5}, ["int64", 5]),
        ({"flag": True}, ["bool", True]),
        ({"frame": [{"a": 1, "b": "x"}]}, ["DataFrame", {"a": [1], "b": ["x"]}]),
        ({"frame": {"columns": ["a"], "rows": [[1], [2]]}}, ["DataFrame", {"a": [1, 2]}]),
        ({"series": [1, 2]}, ["Series", [1, 2]]),
        ({"time": "2020-02-29T12:00:00"}, ["Timestamp", "2020-02-29 12:00:00"]),
        ({"lasts": "PT1M"}, ["Timedelta", "0 days 00:01:00"]),
    ],
    ids=str,
)
def test_json_has_a_natural_form_for_it(given: dict[str, Any], got: Any) -> None:
    assert told(as_json(given)) == dict.fromkeys(given, got)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({"array": ["[[1, 2], [3, 4]]"]}, ["int64", [[1, 2], [3, 4]]]),
        ({"array": ["1", "2.5"]}, ["float64", [1.0, 2.5]]),
        ({"floats": ["1"]}, ["float32", [1.0]]),
        ({"named": ['{"a": [1]}']}, {"a": ["int64", [1]]}),
        ({"several": ["[1]", "[2, 3]"]}, {"0": ["int64", [1]], "1": ["int64", [2, 3]]}),
        ({"number": ["1.5"]}, ["float64", 1.5]),
        ({"count": ["5"]}, ["int64", 5]),
        ({"flag": ["true"]}, ["bool", True]),
        ({"frame": ["a,b\n1,x\n"]}, ["DataFrame", {"a": [1], "b": ["x"]}]),
        ({"series": ["1", "2"]}, ["Series", [1, 2]]),
        ({"time": ["2020-02-29"]}, ["Timestamp", "2020-02-29 00:00:00"]),
        ({"lasts": ["60"]}, ["Timedelta", "0 days 00:01:00"]),
    ],
    ids=str,
)
def test_text_has_one_too(given: dict[str, Any], got: Any) -> None:
    assert told(Places(query=given)) == dict.fromkeys(given, got)


def test_frames_and_pictures_are_uploaded(tmp_path: Path) -> None:
    picture, table = tmp_path / "a.png", tmp_path / "a.csv"
    Image.new("L", (3, 2)).save(picture)
    table.write_text("a\n1\n")
    form: dict[str, Any] = {
        "picture": [UploadedFile("picture", str(picture), "image/png", "a.png")],
        "frame": [UploadedFile("frame", str(table), "text/csv", "a.csv")],
    }
    assert told(Places(form=form)) == {"picture": ["Image", [3, 2]], "frame": ["DataFrame", {"a": [1]}]}
    kinds = {argument.name: argument.kind for argument in TAKES.signature.predict.arguments}
    assert kinds["picture"] == "file"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"array": [[1], [2, 3]]}, "equally long"),
        ({"array": {"a": 1}}, "a list of values"),
        ({"floats": ["x"]}, "an array of float32"),
        ({"count": 1.5}, "valid integer"),
        ({"flag": 1}, "valid boolean"),
        ({"number": "x"}, "valid number"),
        ({"frame": 5}, "Not a valid table"),
        ({"series": 5}, "a list of values"),
        ({"time": "yesterday evening"}, "a time such as"),
        ({"picture": "x"}, "valid"),
    ],
    ids=str,
)
def test_what_is_no_such_value_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        told(as_json(given))
    assert said in json.dumps(caught.value.messages)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (natural_models.Named, {"a": [[1.0, 0.0], [0.0, 1.0]]}),
        (natural_models.Frames, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (natural_models.Boxes, [{"corner": [1, 2], "at": "2020-02-29"}]),
    ],
)
def test_the_answer_has_its_natural_form(model: Any, answer: Any) -> None:
    served = served_model(model(), "model")
    value = served.call("predict", served.bind("predict", Places()))
    assert json.loads(served.check_answer(value)) == answer
    assert served.check_answer(value, True) == answer
    assert served.signature.predict.answer


def test_pictures_and_streams_keep_their_media_types() -> None:
    assert served_model(natural_models.Pictures(), "model").signature.predict.media_types == ["image/png"]
    assert served_model(natural_models.Streams(), "model").signature.predict.streams
    described = {a.name: a.schema for a in TAKES.signature.predict.arguments}
    assert described["number"] == {"type": "number", "default": 0.5}
    assert described["array"]["anyOf"][0] == {"type": "array", "items": {}}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (natural_models.TakesEngine, "predict(): the parameter 'engine': nobody can send Engine as JSON"),
        (natural_models.AnswersEngine, "predict(): its return type: JSON has no form for list"),
        (natural_models.TakesBox, "predict(): the parameter 'box': nobody can send Box as JSON"),
        (natural_models.Trains, "train(): the parameter 'engine': nobody can send Engine as JSON"),
    ],
)
def test_what_json_has_no_form_for_says_what_to_write_instead(model: Any, said: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        served_model(model(), "model")
    assert said in str(caught.value)
    assert "numpy.ndarray for an array" in str(caught.value)
