"""Keras models answer what `model.predict` answers, on TensorFlow or on torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapting import adapted, predicted

from modelport.contract.errors import ModelLoadError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras: Any = pytest.importorskip("keras", reason="Keras is large: `make test-frameworks` has it")
# numpy's and Python's own deprecations within Keras and its backends.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
IDS = np.arange(10, dtype="int32").reshape(5, 2)


def test_a_sequential_model_answers_bit_for_bit(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.save(tmp_path / "model.keras")
    adapter = adapted("keras", tmp_path / "model.keras", trust=True)
    (given,) = adapter.inputs
    assert (given.name, given.dtype, given.shape, adapter.batches) == ("X", "float32", [None, 4], True)
    assert predicted(adapter, {"X": ROWS}).tobytes() == model.predict(ROWS, verbose=0).tobytes()
    assert predicted(adapter, {"X": ROWS[:1]}).tobytes() == model.predict(ROWS[:1], verbose=0).tobytes()
    (tmp_path / "model.bin").write_bytes((tmp_path / "model.keras").read_bytes())
    renamed = adapted("keras", tmp_path / "model.bin", trust=True)
    assert predicted(renamed, {"X": ROWS}).tobytes() == predicted(adapter, {"X": ROWS}).tobytes()


@pytest.mark.parametrize("form", ["dictionary", "list"])
def test_several_inputs_and_outputs_go_by_name(tmp_path: Path, form: str) -> None:
    size = keras.Input((4,), name="size")
    ids = keras.Input((2,), name="ids", dtype="int32")
    scores = keras.layers.Dense(3, name="scores")(size)
    vectors = keras.layers.Embedding(10, 3, name="vectors")(ids)
    if form == "list":
        model, fed = keras.Model([size, ids], [scores, vectors]), [ROWS, IDS]
    else:
        model = keras.Model({"size": size, "ids": ids}, {"scores": scores, "vectors": vectors})
        fed = {"size": ROWS, "ids": IDS}
    model.save(tmp_path / "model.keras")
    adapter = adapted("keras", tmp_path / "model.keras", trust=True)
    assert sorted((i.name, i.dtype, i.shape) for i in adapter.inputs) == [
        ("ids", "int32", [None, 2]),
        ("size", "float32", [None, 4]),
    ]
    own = model.predict(fed, verbose=0)
    named = own if form == "dictionary" else dict(zip(["scores", "vectors"], own, strict=True))
    given = predicted(adapter, {"ids": IDS, "size": ROWS})
    assert {name: array.tobytes() for name, array in given.items()} == {
        name: array.tobytes() for name, array in named.items()
    }


def test_a_fixed_number_of_rows_is_no_batch(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input(batch_shape=(2, 4)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    adapter = adapted("keras", tmp_path / "model.keras", trust=True)
    assert (adapter.inputs[0].shape, adapter.batches) == ([2, 4], False)


@pytest.mark.parametrize("end", [".keras", ".h5"])
def test_a_model_of_keras_needs_trust(tmp_path: Path, end: str) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.save(tmp_path / f"model{end}")
    with pytest.raises(ModelLoadError, match=r"whatever Keras's safe mode says: export it .* --trust"):
        adapted("keras", tmp_path / f"model{end}")


def test_a_lambda_layer_computes(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "model.keras")
    adapter = adapted("keras", tmp_path / "model.keras", trust=True)
    assert predicted(adapter, {"X": ROWS}).tobytes() == (ROWS * 2).tobytes()


def test_an_hdf5_model_answers_bit_for_bit(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.save(tmp_path / "model.h5")
    adapter = adapted("keras", tmp_path / "model.h5", trust=True)
    assert predicted(adapter, {"X": ROWS}).tobytes() == model.predict(ROWS, verbose=0).tobytes()


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelLoadError, match="keras cannot load it") as failed:
        adapted("keras", tmp_path / "model.keras", trust=True)
    assert "\n" not in str(failed.value)
