"""SavedModels answer what their signature for serving answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapting import adapted, predicted

from modelport.contract.errors import ModelLoadError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tensorflow: Any = pytest.importorskip("tensorflow", reason="it is large: `make test-frameworks` has it")
# numpy's and Python's own deprecations within TensorFlow.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
module: Any = tensorflow.Module


class Sums(module):
    """Takes rows and words, answers with sums and longer words."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tensorflow.Variable(np.arange(12, dtype="float32").reshape(4, 3))

    @tensorflow.function(
        input_signature=[
            tensorflow.TensorSpec([None, 4], tensorflow.float32, name="size"),
            tensorflow.TensorSpec([None], tensorflow.string, name="word"),
        ]
    )
    def serve(self, size: Any, word: Any) -> dict[str, Any]:
        return {"sum": size @ self.weights, "said": tensorflow.strings.join([word, "!"])}


class Writing(module):
    @tensorflow.function(input_signature=[tensorflow.TensorSpec([None], tensorflow.string, name="word")])
    def serve(self, word: Any) -> Any:
        tensorflow.io.write_file("never-written", word[0])
        return {"word": word}


def saved(model: Any, folder: Path) -> Path:
    tensorflow.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    return folder


def test_a_signature_has_named_inputs_and_outputs(tmp_path: Path) -> None:
    model = Sums()
    adapter = adapted("keras", saved(model, tmp_path / "model"), trust=True)
    assert sorted((i.name, i.dtype, i.shape) for i in adapter.inputs) == [
        ("size", "float32", [None, 4]),
        ("word", "str", [None]),
    ]
    assert adapter.batches
    given = predicted(adapter, {"size": ROWS, "word": np.array(["a", "é", "", "b", "c"])})
    own = model.serve(tensorflow.constant(ROWS), tensorflow.constant(["a", "é", "", "b", "c"]))
    assert given["sum"].tobytes() == own["sum"].numpy().tobytes()
    assert given["said"].tolist() == ["a!", "é!", "!", "b!", "c!"]


def test_a_model_that_keras_exported_answers_as_in_keras(tmp_path: Path) -> None:
    keras: Any = pytest.importorskip("keras", reason="it comes with TensorFlow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("SavedModels are exported by Keras on TensorFlow only")
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.export(str(tmp_path / "model"), verbose=False)
    adapter = adapted("keras", tmp_path / "model", trust=True)
    assert adapter.inputs[0].shape == [None, 4]
    name = adapter.inputs[0].name
    assert np.allclose(predicted(adapter, {name: ROWS}), model.predict(ROWS, verbose=0), rtol=1e-6)


def test_a_saved_model_needs_trust(tmp_path: Path) -> None:
    folder = saved(Writing(), tmp_path / "model")
    with pytest.raises(ModelLoadError, match=r"a program that can read and write files.*--trust"):
        adapted("keras", folder)
    assert adapted("keras", folder, trust=True).inputs[0].name == "word"


def test_a_damaged_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01nothing")
    with pytest.raises(ModelLoadError, match="tensorflow cannot load it") as failed:
        adapted("keras", tmp_path, trust=True)
    assert "\n" not in str(failed.value)
