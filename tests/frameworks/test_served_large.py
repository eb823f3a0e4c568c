"""Saved models of the large frameworks, all served by one server, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import Server, serving

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
REASON = "they are large: `make test-frameworks` has them"
catboost: Any = pytest.importorskip("catboost", reason=REASON)
torch: Any = pytest.importorskip("torch", reason=REASON)
tensorflow: Any = pytest.importorskip("tensorflow", reason=REASON)
keras: Any = pytest.importorskip("keras", reason=REASON)
# Deprecations within the frameworks, and of TorchScript, which still works.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def exported(path: Path) -> list[list[float]]:
    model = torch.nn.Linear(4, 3).eval()
    rows = torch.export.Dim("rows")
    torch.export.save(torch.export.export(model, (torch.zeros(2, 4),), dynamic_shapes=({0: rows},)), path)
    return own(model)


def scripted(path: Path) -> list[list[float]]:
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Tanh()).eval()
    torch.jit.script(model).save(str(path))
    return own(model)


def own(model: Any) -> list[list[float]]:
    with torch.inference_mode():
        return model(torch.tensor(ROWS)).tolist()


def kept(path: Path) -> list[list[float]]:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.save(path)
    return model.predict(ROWS, verbose=0).tolist()


def signed(path: Path) -> list[list[float]]:
    model = tensorflow.Module()
    model.weights = tensorflow.Variable(np.arange(12, dtype="float32").reshape(4, 3))
    spec = tensorflow.TensorSpec([None, 4], tensorflow.float32, name="rows")
    serve = tensorflow.function(lambda rows: {"sum": rows @ model.weights}, input_signature=[spec])
    tensorflow.saved_model.save(model, str(path), signatures={"serving_default": serve})
    return serve(tensorflow.constant(ROWS))["sum"].numpy().tolist()


def boosted(path: Path) -> list[float]:
    quiet: dict[str, Any] = {"iterations": 5, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    model = catboost.CatBoostRegressor(**quiet).fit(ROWS, ROWS[:, 0])
    model.save_model(str(path))
    return model.predict(ROWS).tolist()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str, Any]]:
    """Where each model lies, the argument for its rows, and what its framework answers."""
    folder = tmp_path_factory.mktemp("models")
    made = {
        "program.pt2": ("input", exported),
        "script.pt": ("input", scripted),
        "network.keras": ("X", kept),
        "graph": ("rows", signed),
        "trees.cbm": ("X", boosted),
    }
    return {
        Path(name).stem: (folder / name, argument, make(folder / name))
        for name, (argument, make) in made.items()
    }


@pytest.fixture(scope="module")
def server(expected: dict[str, tuple[Path, str, Any]]) -> Iterator[Server]:
    with serving("--trust", *(str(path) for path, _, _ in expected.values()), wait=False) as running:
        running.wait_settled(240)
        yield running


@pytest.mark.parametrize("name", ["program", "script", "network", "graph", "trees"])
def test_a_saved_model_answers_as_its_framework_does(
    server: Server, expected: dict[str, tuple[Path, str, Any]], name: str
) -> None:
    _, argument, answer = expected[name]
    given = server.client.post(f"/v2/models/{name}/predict/", json={argument: ROWS.tolist()})
    assert given.status_code == 200, f"{given.text}\n{server.log}"
    assert given.json()["predictions"] == answer


@pytest.mark.parametrize("name", ["program", "network", "graph", "trees"])
@pytest.mark.parametrize("rows", [[[1, 2, 3]], [[1, 2, 3, "four"]], [1, 2, 3, 4]])
def test_what_does_not_fit_answers_422(
    server: Server, expected: dict[str, tuple[Path, str, Any]], name: str, rows: Any
) -> None:
    answer = server.client.post(f"/v2/models/{name}/predict/", json={expected[name][1]: rows})
    assert answer.status_code == 422, answer.text
