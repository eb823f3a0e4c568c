"""Saved models of ONNX, XGBoost and LightGBM, served by a process of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx_models
import pandas
import pytest
import xgboost
from serving import Server, serving

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
LABELS = (ROWS[:, 0] > 0).astype(int)
NAMES = ["a", "b", "c", "d"]


def trained_xgboost(path: Path) -> Any:
    model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(pandas.DataFrame(ROWS, columns=NAMES), LABELS)
    model.save_model(path)
    return model


def trained_lightgbm(path: Path) -> Any:
    quiet: dict[str, Any] = {"objective": "binary", "verbose": -1, "num_threads": 1}
    model = lightgbm.train(quiet, lightgbm.Dataset(ROWS, LABELS, feature_name=NAMES), num_boost_round=4)
    model.save_model(path)
    return model


def coloured(path: Path) -> Any:
    """A model with a column of categories."""
    frame = pandas.DataFrame(
        {"size": ROWS[:, 0], "colour": pandas.Categorical(["red", "green", "blue"] * 20)}
    )
    model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, enable_categorical=True).fit(frame, LABELS)
    model.save_model(path)
    return model, frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, Any]:
    onnx_models.two_in_two_out(folder / "sums.onnx")
    onnx_models.words(folder / "words.onnx")
    return {
        "boosted": trained_xgboost(folder / "boosted.json"),
        "light": trained_lightgbm(folder / "light.txt"),
        "coloured": coloured(folder / "coloured.ubj"),
    }


@pytest.fixture(scope="module")
def server(folder: Path, models: dict[str, Any]) -> Iterator[Server]:
    files = ["sums.onnx", "words.onnx", "boosted.json", "light.txt", "coloured.ubj"]
    with serving(*(str(folder / name) for name in files)) as running:
        yield running


def predict(server: Server, name: str, **arguments: Any) -> Any:
    answer = server.client.post(f"/v2/models/{name}/predict/", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize("name", ["words", "boosted", "light", "coloured"])
def test_the_example_of_the_documents_is_answered(server: Server, name: str) -> None:
    operation = server.client.get("/openapi.json").json()["paths"][f"/v2/models/{name}/predict/"]["post"]
    [example] = operation["requestBody"]["content"]["application/json"]["schema"]["examples"]
    assert len(predict(server, name, **example)) == 1


def test_onnx_answers_each_output_by_name(server: Server) -> None:
    assert predict(server, "sums", a=[[1, 2, 3]], b=[[3, 2, 1]]) == {
        "sum": [[4, 4, 4]],
        "larger": [[False, False, True]],
    }
    assert predict(server, "words", text=["straße", "a"]) == ["straßestraße", "aa"]


@pytest.mark.parametrize("rows", [1, 40])
def test_xgboost_answers_bit_for_bit(server: Server, models: dict[str, Any], rows: int) -> None:
    model = models["boosted"]
    assert predict(server, "boosted", X=ROWS[:rows].tolist()) == model.predict(ROWS[:rows]).tolist()
    sure = predict(server, "boosted", X=ROWS[:rows].tolist(), predict_proba=True)
    assert np.array(sure, dtype="float32").tobytes() == model.predict_proba(ROWS[:rows]).tobytes()


def test_rows_go_by_column_and_may_miss_values(server: Server, models: dict[str, Any]) -> None:
    row = {"d": 0.5, "a": None, "b": 0.25, "c": -1}
    own = models["light"].predict(np.array([[np.nan, 0.25, -1, 0.5]]))
    assert predict(server, "light", X=[row]) == own.tolist()


def test_categories_are_texts(server: Server, models: dict[str, Any]) -> None:
    model, frame = models["coloured"]
    rows = [
        {"size": float(size), "colour": colour}
        for size, colour in zip(frame["size"], frame["colour"], strict=True)
    ]
    sure = predict(server, "coloured", X=rows, predict_proba=True)
    assert np.array(sure, dtype="float32").tobytes() == model.predict_proba(frame).tobytes()
    answer = server.client.post("/v2/models/coloured/predict/", json={"X": [{"size": 1, "colour": "mauve"}]})
    assert answer.status_code == 422
    assert "Not a category of this column: blue, green, red" in answer.text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("boosted", {"X": [[1, 2, 3]]}),
        ("boosted", {"X": [[1, 2, 3, "four"]]}),
        ("light", {"X": [{"a": 1, "b": 2, "c": 3, "e": 4}]}),
        ("sums", {"a": [[1, 2, 3]]}),
        ("sums", {"a": [[1, 2, 3]], "b": [[1, 2]]}),
        ("sums", {"a": [[1, 2, 3]], "b": [1, 2, 3]}),
        ("words", {"text": [["nested"]]}),
    ],
)
def test_what_does_not_fit_answers_422(server: Server, name: str, arguments: dict[str, Any]) -> None:
    answer = server.client.post(f"/v2/models/{name}/predict/", json=arguments)
    assert answer.status_code == 422, answer.text


def test_the_metadata_says_what_was_read(server: Server) -> None:
    shown = server.client.get("/v2/models/boosted/").json()
    assert (shown["framework"], shown["objective"], shown["classes"]) == (
        "xgboost",
        "binary:logistic",
        [0, 1],
    )


def test_two_inputs_need_the_same_number_of_rows(server: Server) -> None:
    answer = server.client.post("/v2/models/sums/predict/", json={"a": [[1, 2, 3]] * 2, "b": [[1, 2, 3]] * 3})
    assert answer.status_code == 422, answer.text
