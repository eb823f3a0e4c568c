"""LightGBM's models answer what LightGBM answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas
import pytest
from adapting import adapted, columns_of, predicted

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import Column, ModelOptions
from modelport.contract.places import Places
from modelport.sources.frameworks.registry import adapter_of
from modelport.sources.load import served_model

ROWS = np.random.default_rng(0).normal(size=(200, 3))
BINARY = (ROWS[:, 0] > 0).astype(int)
QUIET: dict[str, Any] = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}


def trained(labels: Any, **more: Any) -> lightgbm.Booster:
    data = lightgbm.Dataset(ROWS, labels, feature_name=more.pop("names", "auto"), params=QUIET)
    return lightgbm.train(QUIET | more, data, num_boost_round=4)


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        (BINARY, {"objective": "binary"}),
        (np.arange(200) % 3, {"objective": "multiclass", "num_class": 3}),
        (ROWS[:, 1], {"objective": "regression"}),
    ],
)
def test_a_booster_answers_bit_for_bit(tmp_path: Path, labels: Any, more: dict[str, Any]) -> None:
    model = trained(labels, names=["a", "b", "c"], **more)
    model.save_model(tmp_path / "model.txt")
    adapter = adapted("lightgbm", tmp_path / "model.txt")
    (given,) = adapter.inputs
    assert (given.dtype, given.shape, given.allows_missing, adapter.batches) == (
        "float64",
        [None, 3],
        True,
        True,
    )
    assert columns_of(adapter) == [(name, "float") for name in "abc"]
    assert adapter.metadata["objective"] == more["objective"]
    rows = ROWS.copy()
    rows[1, 2] = np.nan
    assert predicted(adapter, {"X": rows}).tobytes() == model.predict(rows).tobytes()
    raw = predicted(adapter, {"X": rows}, raw_score=True)
    assert raw.tobytes() == model.predict(rows, raw_score=True).tobytes()


def test_names_that_lightgbm_made_up_are_none(tmp_path: Path) -> None:
    trained(BINARY, objective="binary").save_model(tmp_path / "model.txt")
    assert columns_of(adapted("lightgbm", tmp_path / "model.txt")) == []


def test_categories_are_sent_as_they_were_in_training(tmp_path: Path) -> None:
    colours = ["red", "green", "blue", "red"] * 50
    frame = pandas.DataFrame(
        {"size": ROWS[:, 0], "colour": pandas.Categorical(colours), "kind": pandas.Categorical([1, 2] * 100)}
    )
    data = lightgbm.Dataset(frame, [colour == "red" for colour in colours], params=QUIET)
    model = lightgbm.train(QUIET | {"objective": "binary"}, data, num_boost_round=4)
    model.save_model(tmp_path / "model.txt")
    adapter = adapted("lightgbm", tmp_path / "model.txt")
    assert columns_of(adapter) == [("size", "float"), ("colour", "str"), ("kind", "any")]
    assert adapter.inputs[0].as_frame
    plain = pandas.DataFrame(
        {"size": [0.5, None, 1.0], "colour": ["red", "blue", "mauve"], "kind": [1, 2, 1]}
    )
    cast = plain.assign(
        colour=pandas.Categorical(["red", "blue", None], categories=frame.colour.cat.categories),
        kind=pandas.Categorical(plain.kind, categories=frame.kind.cat.categories),
    )
    assert predicted(adapter, {"X": plain}).tobytes() == model.predict(cast).tobytes()


def test_a_classifier_object_answers_its_classes() -> None:
    labels = np.where(BINARY, "yes", "no")
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1, min_child_samples=2).fit(
        ROWS, labels
    )
    adapter = adapter_of(model, ModelOptions())
    assert adapter is not None
    assert adapter.metadata["classes"] == ["no", "yes"]
    assert [option.name for option in adapter.options] == ["predict_proba", "raw_score"]
    assert predicted(adapter, {"X": ROWS}).tolist() == model.predict(ROWS).tolist()
    sure = predicted(adapter, {"X": ROWS}, predict_proba=True)
    assert sure.tobytes() == model.predict_proba(ROWS).tobytes()


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    path.write_text("tree\nversion=v4\nnum_class=1\n", encoding="utf-8")
    with pytest.raises(ModelLoadError, match="lightgbm cannot load it") as failed:
        adapted("lightgbm", path)
    assert "\n" not in str(failed.value)


def test_trees_of_another_size_do_not_end_the_process(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    trained(ROWS[:, 1]).save_model(path)
    path.write_text(path.read_text(encoding="utf-8").replace("\nleft_child=", "\nleft_child=0 ", 1), "utf-8")
    with pytest.raises(ModelLoadError, match="do not have the sizes that it says; copy or save it again"):
        adapted("lightgbm", path)


@pytest.mark.parametrize("signed", [False, True])
def test_spaces_in_names_are_the_underscores_that_lightgbm_makes_of_them(signed: bool) -> None:
    frame = pandas.DataFrame(ROWS, columns=["the length (cm)", "b", "c d"])
    frame["a kind"] = pandas.Categorical(["x", "y"] * 100)
    model = lightgbm.LGBMClassifier(n_estimators=3, **QUIET).fit(frame, BINARY)
    columns = [Column(name=name) for name in frame.columns] if signed else []
    served = served_model(model, "model", ModelOptions(columns=columns))
    for names in (list(frame.columns), model.booster_.feature_name()):
        rows = frame.set_axis(names, axis=1).to_dict("records")
        answer = served.call("predict", served.bind("predict", Places(json={"X": rows})))
        assert answer.tolist() == model.predict(frame).tolist()
