"""XGBoost's models answer what XGBoost answers, in each of its file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xgboost
from adapting import adapted, columns_of, predicted

from modelport.contract.errors import ArgumentErrors, ModelLoadError

ROWS = np.random.default_rng(0).normal(size=(120, 4)).astype("float32")
BINARY = (ROWS[:, 0] > 0).astype(int)
SHORT: dict[str, Any] = {"num_boost_round": 4}


def booster(objective: str, labels: Any, **more: Any) -> xgboost.Booster:
    matrix = xgboost.DMatrix(ROWS, labels, feature_names=["a", "b", "c", "d"])
    return xgboost.train({"objective": objective, "nthread": 1} | more, matrix, **SHORT)


@pytest.mark.parametrize("end", ["json", "ubj"])
@pytest.mark.parametrize(
    ("objective", "labels", "more"),
    [
        ("binary:logistic", BINARY, {}),
        ("multi:softprob", BINARY * 2, {"num_class": 3}),
        ("reg:squarederror", ROWS[:, 1], {}),
    ],
)
def test_a_booster_answers_bit_for_bit(
    tmp_path: Path, end: str, objective: str, labels: Any, more: dict[str, Any]
) -> None:
    trained = booster(objective, labels, **more)
    trained.save_model(tmp_path / f"model.{end}")
    adapter = adapted("xgboost", tmp_path / f"model.{end}")
    (given,) = adapter.inputs
    assert (given.dtype, given.shape, given.allows_missing) == ("float32", [None, 4], True)
    assert columns_of(adapter) == [(name, "float") for name in "abcd"]
    assert adapter.batches
    assert adapter.metadata["objective"] == objective
    rows = ROWS.copy()
    rows[0, 1] = np.nan
    matrix = xgboost.DMatrix(rows, feature_names=["a", "b", "c", "d"])
    assert predicted(adapter, {"X": rows}).tobytes() == trained.predict(matrix).tobytes()
    raw = predicted(adapter, {"X": rows}, output_margin=True)
    assert raw.tobytes() == trained.predict(matrix, output_margin=True).tobytes()


def test_columns_without_names_go_by_their_order(tmp_path: Path) -> None:
    trained = xgboost.train({"nthread": 1}, xgboost.DMatrix(ROWS, BINARY), **SHORT)
    trained.save_model(tmp_path / "model.json")
    adapter = adapted("xgboost", tmp_path / "model.json")
    assert columns_of(adapter) == []
    assert predicted(adapter, {"X": ROWS}).tobytes() == trained.predict(xgboost.DMatrix(ROWS)).tobytes()


@pytest.mark.parametrize("booster_name", ["gbtree", "dart", "gblinear"])
def test_a_classifier_comes_back_as_one(tmp_path: Path, booster_name: str) -> None:
    frame = pandas.DataFrame(ROWS, columns=list("abcd"))
    trained = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, booster=booster_name).fit(frame, BINARY)
    trained.save_model(tmp_path / "model.json")
    adapter = adapted("xgboost", tmp_path / "model.json")
    assert [option.name for option in adapter.options] == ["predict_proba", "output_margin"]
    assert adapter.metadata["classes"] == [0, 1]
    rows = frame if adapter.inputs[0].as_frame else ROWS
    assert predicted(adapter, {"X": rows}).tolist() == trained.predict(frame).tolist()
    sure = predicted(adapter, {"X": rows}, predict_proba=True)
    assert sure.tobytes() == trained.predict_proba(frame).tobytes()


def test_a_regressor_answers_numbers(tmp_path: Path) -> None:
    trained = xgboost.XGBRegressor(n_estimators=4, n_jobs=1).fit(ROWS, ROWS[:, 2])
    trained.save_model(tmp_path / "model.ubj")
    adapter = adapted("xgboost", tmp_path / "model.ubj")
    assert adapter.metadata["model"] == "XGBRegressor"
    assert predicted(adapter, {"X": ROWS}).tobytes() == trained.predict(ROWS).tobytes()


def test_categories_are_sent_as_they_were_in_training(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "size": np.arange(40, dtype=float),
            "colour": pandas.Categorical(["red", "green", "blue", "red"] * 10),
            "code": pandas.Categorical([3, 5, 7, 3] * 10),
        }
    )
    trained = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, enable_categorical=True).fit(
        frame, [0, 1, 1, 0] * 10
    )
    trained.save_model(tmp_path / "model.json")
    adapter = adapted("xgboost", tmp_path / "model.json")
    assert columns_of(adapter) == [("size", "float"), ("colour", "str"), ("code", "any")]
    assert adapter.inputs[0].as_frame
    plain = pandas.DataFrame({"size": [1.0, None], "colour": ["green", "red"], "code": [7, 3]})
    cast = plain.assign(
        colour=pandas.Categorical(plain.colour, categories=frame.colour.cat.categories),
        code=pandas.Categorical(plain.code, categories=frame.code.cat.categories),
    )
    assert (
        predicted(adapter, {"X": plain}, predict_proba=True).tobytes()
        == trained.predict_proba(cast).tobytes()
    )
    with pytest.raises(ArgumentErrors) as wrong:
        predicted(adapter, {"X": plain.assign(colour=["red", "mauve"])})
    assert wrong.value.messages == {
        "X": {"1": {"colour": ["Not a category of this column: blue, green, red"]}}
    }


def test_categories_that_xgboost_damages_are_codes(tmp_path: Path) -> None:
    colours = pandas.Categorical(["rot", "grün", "blau", "rot"] * 10)
    frame = pandas.DataFrame({"size": np.arange(40, dtype="float32"), "colour": colours})
    trained = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, enable_categorical=True).fit(
        frame, [0, 1, 1, 0] * 10
    )
    trained.save_model(tmp_path / "model.json")
    adapter = adapted("xgboost", tmp_path / "model.json")
    assert columns_of(adapter) == [("size", "float"), ("colour", "int")]
    rows = np.column_stack([frame["size"], colours.codes]).astype("float32")
    assert (
        predicted(adapter, {"X": rows}, predict_proba=True).tobytes()
        == trained.predict_proba(frame).tobytes()
    )


def test_categories_that_were_codes_in_training_are_codes(tmp_path: Path) -> None:
    rows = np.array([[0, 1.5], [1, 2.5], [2, 0.5]] * 10, dtype="float32")
    matrix = xgboost.DMatrix(
        rows,
        [0, 1, 1] * 10,
        feature_names=["kind", "size"],
        feature_types=["c", "q"],
        enable_categorical=True,
    )
    trained = xgboost.train({"nthread": 1, "objective": "binary:logistic"}, matrix, **SHORT)
    trained.save_model(tmp_path / "model.json")
    adapter = adapted("xgboost", tmp_path / "model.json")
    assert columns_of(adapter) == [("kind", "int"), ("size", "float")]
    assert predicted(adapter, {"X": rows}).tobytes() == trained.predict(matrix).tobytes()


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    booster("binary:logistic", BINARY).save_model(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ModelLoadError, match="xgboost cannot load it") as failed:
        adapted("xgboost", path)
    assert "\n" not in str(failed.value)
