"""ONNX models answer what onnxruntime answers, and their inputs are read from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import onnxruntime
import pytest
from adapting import adapted, columns_of, predicted
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelport.contract.errors import ModelLoadError


def own_answer(path: Path, feed: dict[str, Any]) -> list[Any]:
    """What onnxruntime answers by itself."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skl2onnx

    rows, classes = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, classes)
    path = tmp_path_factory.mktemp("iris") / "iris.onnx"
    path.write_bytes(skl2onnx.to_onnx(model, rows[:1].astype("float32")).SerializeToString())
    return path


def test_a_classifier_of_scikit_learn_answers_classes_and_maps_of_probabilities(iris: Path) -> None:
    rows = load_iris().data.astype("float32")
    adapter = adapted("onnxruntime", iris)
    (given,) = adapter.inputs
    assert (given.name, given.dtype, given.shape, adapter.batches) == ("X", "float32", [None, 4], True)
    labels, maps = own_answer(iris, {"X": rows})
    answer = predicted(adapter, {"X": rows})
    assert answer["output_label"].tolist() == labels.tolist()
    assert answer["output_probability"].tolist() == maps
    first = adapted("onnxruntime", iris, first_output=True)
    assert predicted(first, {"X": rows}).tolist() == labels.tolist()


def test_columns_of_several_types_are_inputs_of_their_own(tmp_path: Path) -> None:
    import pandas
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    frame = pandas.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue", "red", "blue"]})
    encode = ColumnTransformer([("c", OneHotEncoder(), ["colour"]), ("s", StandardScaler(), ["size"])])
    model = make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    types = [("size", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    path = tmp_path / "model.onnx"
    path.write_bytes(skl2onnx.to_onnx(model, initial_types=types).SerializeToString())
    adapter = adapted("onnxruntime", path)
    assert [(i.name, i.dtype, i.shape) for i in adapter.inputs] == [
        ("size", "float32", [None, 1]),
        ("colour", "str", [None, 1]),
    ]
    feed = {"size": np.array([[1.5], [3.5]], "float32"), "colour": np.array([["blue"], ["red"]])}
    labels = own_answer(path, feed | {"colour": feed["colour"].astype(object)})[0]
    assert predicted(adapter, feed)["output_label"].tolist() == labels.tolist()


def test_several_inputs_and_outputs_go_by_name(tmp_path: Path) -> None:
    path = onnx_models.two_in_two_out(tmp_path / "model.onnx")
    adapter = adapted("onnxruntime", path)
    assert [(i.name, i.shape) for i in adapter.inputs] == [("a", [None, 3]), ("b", [None, 3])]
    assert adapter.batches
    assert adapter.metadata["outputs"] == [
        {"name": "sum", "type": "float32", "shape": [None, 3]},
        {"name": "larger", "type": "bool", "shape": [None, 3]},
    ]
    feed = {"a": np.array([[0.1, 2, 3]], "float32"), "b": np.array([[0.2, 1, 3]], "float32")}
    sums, larger = own_answer(path, feed)
    answer = predicted(adapter, feed)
    assert answer["sum"].tobytes() == sums.tobytes()
    assert answer["larger"].tolist() == larger.tolist() == [[False, True, False]]


@pytest.mark.parametrize("rows", [2, "sequence_length", "time"])
def test_a_first_axis_that_is_fixed_or_time_is_not_put_together(tmp_path: Path, rows: Any) -> None:
    adapter = adapted("onnxruntime", onnx_models.two_in_two_out(tmp_path / "model.onnx", rows))
    assert not adapter.batches
    assert adapter.inputs[0].shape == [rows if isinstance(rows, int) else None, 3]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int64", "int8", "uint8", "bool"])
def test_every_type_of_numbers_goes_in_and_out(tmp_path: Path, dtype: str) -> None:
    kind = {"float64": "DOUBLE"}.get(dtype, dtype.upper())
    code = getattr(TensorProto, kind)
    path = onnx_models.cast_of(tmp_path / "model.onnx", code, code, "n", 2)
    adapter = adapted("onnxruntime", path)
    rows = np.array([[1, 0], [0, 1]], dtype)
    assert (adapter.inputs[0].dtype, predicted(adapter, {"given": rows}).dtype) == (dtype, rows.dtype)
    assert predicted(adapter, {"given": rows}).tobytes() == rows.tobytes()


def test_strings_go_in_and_out(tmp_path: Path) -> None:
    adapter = adapted("onnxruntime", onnx_models.words(tmp_path / "model.onnx"))
    assert (adapter.inputs[0].dtype, adapter.inputs[0].shape) == ("str", [None])
    assert predicted(adapter, {"text": np.array(["straße", ""])}).tolist() == ["straßestraße", ""]


def test_an_input_with_a_default_may_be_left_out(tmp_path: Path) -> None:
    adapter = adapted("onnxruntime", onnx_models.with_default(tmp_path / "model.onnx"))
    assert [(i.name, i.required) for i in adapter.inputs] == [("x", True), ("factor", False)]
    assert not adapter.batches  # one factor is for all rows of a call
    rows = np.array([[1, 2]], "float32")
    assert predicted(adapter, {"x": rows}).tolist() == [[2, 4]]
    assert predicted(adapter, {"x": rows, "factor": np.array([3], "float32")}).tolist() == [[3, 6]]


def test_what_the_file_says_of_itself_is_shown(tmp_path: Path) -> None:
    adapter = adapted("onnxruntime", onnx_models.described(tmp_path / "model.onnx"))
    assert columns_of(adapter) == [("sepal", "float"), ("petal", "float")]
    assert adapter.metadata | {"outputs": []} == {
        "description": "Sums up.",
        "version": "3",
        "producer": "made by hand",
        "graph": "made",
        "author": "A. Person",
        "classes": ["small", "large"],
        "outputs": [],
    }


def test_a_damaged_file_is_one_line(iris: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(iris.read_bytes()[:200])
    with pytest.raises(
        ModelLoadError, match=r"cut\.onnx: onnxruntime cannot load it: .*; is the file whole\?"
    ) as failed:
        adapted("onnxruntime", path)
    assert "\n" not in str(failed.value)
