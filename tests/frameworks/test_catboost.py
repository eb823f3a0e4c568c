"""CatBoost's models answer what CatBoost answers, in both of its file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapting import adapted, columns_of, predicted

from modelport.contract.errors import ModelLoadError

catboost: Any = pytest.importorskip("catboost", reason="catboost is large: `make test-frameworks` has it")
pandas: Any = pytest.importorskip("pandas", reason="pandas is optional: `make test-frameworks` has it")

ROWS = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
QUIET: dict[str, Any] = {"iterations": 5, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


def saved(model: Any, folder: Path, end: str) -> Path:
    path = folder / f"model.{end}"
    model.save_model(str(path), format=end)
    return path


@pytest.mark.parametrize("end", ["cbm", "json"])
def test_a_classifier_answers_bit_for_bit(tmp_path: Path, end: str) -> None:
    model = catboost.CatBoostClassifier(**QUIET).fit(ROWS, ["yes" if row[0] > 0 else "no" for row in ROWS])
    adapter = adapted("catboost", saved(model, tmp_path, end))
    (given,) = adapter.inputs
    assert (given.dtype, given.shape, given.as_frame, adapter.batches) == ("float32", [None, 2], False, True)
    assert given.allows_missing
    assert adapter.metadata["classes"] == ["no", "yes"]
    rows = ROWS.copy()
    rows[0, 0] = np.nan
    assert predicted(adapter, {"X": rows}).tolist() == model.predict(rows).tolist()
    again = catboost.CatBoostClassifier().load_model(str(tmp_path / f"model.{end}"), format=end)
    sure = predicted(adapter, {"X": rows}, predict_proba=True)
    assert sure.tobytes() == again.predict_proba(rows).tobytes()
    assert np.allclose(sure, model.predict_proba(rows), rtol=1e-12)  # JSON keeps fewer digits of the scale
    raw = predicted(adapter, {"X": rows}, raw_values=True)
    assert raw.tobytes() == again.predict(rows, prediction_type="RawFormulaVal").tobytes()


@pytest.mark.parametrize("loss", ["RMSE", "Poisson"])
def test_a_regressor_answers_in_the_form_of_its_loss(tmp_path: Path, loss: str) -> None:
    model = catboost.CatBoostRegressor(loss_function=loss, **QUIET).fit(ROWS, np.arange(60))
    adapter = adapted("catboost", saved(model, tmp_path, "cbm"))
    assert predicted(adapter, {"X": ROWS}).tobytes() == model.predict(ROWS).tobytes()


def test_categories_and_texts_are_found_by_their_columns(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "size": ROWS[:, 0],
            "colour": ["red", "green", "blue"] * 20,
            "code": [1, 2, 3] * 20,
            "review": ["good film", "bad film", "good day"] * 20,
        }
    )
    model = catboost.CatBoostClassifier(cat_features=["colour", "code"], text_features=["review"], **QUIET)
    model.fit(frame, [0, 1] * 30)
    adapter = adapted("catboost", saved(model, tmp_path, "cbm"))
    assert columns_of(adapter) == [("size", "float"), ("colour", "any"), ("code", "any"), ("review", "str")]
    assert adapter.inputs[0].as_frame
    rows = frame[:4].astype({"size": object})
    rows.loc[1, "size"] = None
    whole = frame[:4].copy()
    whole.loc[1, "size"] = np.nan
    sure = predicted(adapter, {"X": rows}, predict_proba=True)
    assert sure.tobytes() == model.predict_proba(whole).tobytes()


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = saved(catboost.CatBoostRegressor(**QUIET).fit(ROWS, ROWS[:, 0]), tmp_path, "cbm")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelLoadError, match="catboost cannot load it") as failed:
        adapted("catboost", path)
    assert "\n" not in str(failed.value)
