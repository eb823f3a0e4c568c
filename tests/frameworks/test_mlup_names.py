"""The names under which mlup's clients send the rows to a model of each framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx_models
import pytest
from onnx import TensorProto
from serving import Server, serving

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.signature import Argument, Operation, Signature
from modelport.dialects.mlup.row_names import fit_mlup_call

ROWS = np.random.default_rng(0).normal(size=(60, 2))


def predicted(server: Server, body: dict[str, Any]) -> tuple[int, Any]:
    answer = server.client.post("/predict", json=body)
    return answer.status_code, answer.json().get("predict_result", answer.json().get("detail"))


def test_clients_of_lightgbm_need_no_change(tmp_path: Path) -> None:
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(ROWS, ROWS[:, 0]), num_boost_round=2)
    booster.save_model(tmp_path / "light.txt")
    expected = pytest.approx(booster.predict(ROWS[:2]))
    with serving(str(tmp_path / "light.txt")) as light:
        for key in ("data", "X"):
            assert predicted(light, {key: ROWS[:2].tolist()}) == (200, expected)
        status, said = predicted(light, {"input_data": [[1, 2]]})
        assert (status, said[0]["loc"], said[0]["type"]) == (422, ["X"], "missing")
        status, said = predicted(light, {"data": [[1, 2]], "pred_leaf": True})
        assert (status, said) == (
            422,
            [
                {
                    "loc": ["pred_leaf"],
                    "msg": "This argument is not served: leave it out",
                    "type": "value_error",
                }
            ],
        )
        answer = light.client.post("/v2/models/light/predict", json={"data": [[1, 2]]})
        assert answer.status_code == 422  # in this dialect only


def test_clients_of_onnx_need_no_change(tmp_path: Path) -> None:
    onnx_models.cast_of(tmp_path / "cast.onnx", TensorProto.FLOAT, TensorProto.INT64, "rows", 2)
    with serving(str(tmp_path / "cast.onnx")) as cast:
        for key in ("input_data", "given"):
            status, answered = predicted(cast, {key: [[1.0, 2.0]]})
            assert (status, json.dumps(answered)) == (200, json.dumps([[1, 2]]))


FRAMEWORKS = [
    ("catboost", "data"),
    ("keras", "x"),
    ("keras", "data_for_predict"),
    ("tensorflow", "args_0"),
    ("torch", "input"),
    ("torch", "x"),
    ("xgboost", "data"),
]


def asked(framework: str, sent: dict[str, Any]) -> dict[str, Any]:
    """What `sent` becomes for a model of this framework whose argument is `rows`."""
    argument = Argument(name="rows", schema={}, required=True)
    operation = Operation(implemented=True, arguments=[argument])
    signature = Signature(name="m", contract="array", metadata={"framework": framework}, predict=operation)
    places = Places(None, None, sent, {}, "", json.dumps(sent).encode())
    fit_mlup_call(places, signature)
    return places.json


@pytest.mark.parametrize(("framework", "key"), FRAMEWORKS)
def test_each_framework_has_its_name(framework: str, key: str) -> None:
    assert asked(framework, {key: [[1]], "more": 2}) == {"rows": [[1]], "more": 2}
    assert asked(framework, {"rows": [[1]], key: 3}) == {"rows": [[1]], key: 3}
    assert asked("sklearn", {key: [[1]]}) == {key: [[1]]}


def test_nan_is_null_for_arrays() -> None:
    nan = float("nan")
    assert asked("sklearn", {"rows": [[nan, 1.5], {"a": nan}]}) == {"rows": [[None, 1.5], {"a": None}]}


def test_what_would_change_the_answer_is_refused_unless_it_says_nothing() -> None:
    assert asked("lightgbm", {"data": [], "pred_leaf": False, "num_iteration": None})["rows"] == []
    with pytest.raises(ArgumentErrors):
        asked("catboost", {"data": [], "prediction_type": "Probability"})
