"""Files of scikit-learn and of Python objects, saved by their own tools and served in a fresh process."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import onnx
import pytest
import skops.io
from cli.cli_process import modelport
from onnx import helper
from serving import Server, serving, wait_until
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA: Any = load_iris()
ROWS = DATA.data[::10].tolist()


def trained() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(DATA.data, DATA.target)


def write_models(folder: Path) -> Any:
    """The same model in every way; returns it."""
    model = trained()
    skops.io.dump(model, folder / "safe.skops")
    joblib.dump(model, folder / "plain.joblib")
    joblib.dump(model, folder / "small.onnx", compress=("xz", 3))  # the name is wrong, the content right
    (folder / "pickled.pkl").write_bytes(cloudpickle.dumps(model))

    class Shift:
        """Adds what it was made with."""

        def __init__(self, by: int):
            self.by = by

        def predict(self, n: int = 1) -> int:
            return n + self.by

    (folder / "object.bin").write_bytes(cloudpickle.dumps(Shift(40)))
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def expected(folder: Path) -> Any:
    return write_models(folder)


@pytest.fixture(scope="module")
def server(folder: Path, expected: Any) -> Iterator[Server]:
    names = ["safe.skops", "plain.joblib", "small.onnx", "./pickled.pkl", "shift=object.bin"]
    with serving(*names, "--trust", cwd=folder) as running:
        yield running


@pytest.mark.parametrize("name", ["safe", "plain", "small", "pickled"])
def test_every_form_predicts_as_the_model_does(server: Server, expected: Any, name: str) -> None:
    answer = server.client.post(f"/v2/models/{name}/predict/", json={"X": ROWS})
    assert answer.json()["predictions"] == expected.predict(ROWS).tolist()
    answer = server.client.post(f"/v2/models/{name}/predict/", json={"X": ROWS, "predict_proba": True})
    assert answer.json()["predictions"] == expected.predict_proba(ROWS).tolist()


def test_a_pickled_object_has_its_own_contract(server: Server) -> None:
    assert server.client.post("/v2/models/shift/predict/", json={"n": 2}).json() == 42
    assert server.client.post("/v2/models/shift/predict/", json={"n": "x"}).status_code == 422


def test_the_log_says_what_was_recognised(server: Server) -> None:
    said = r"safe: scikit-learn \S+ Pipeline, 4 features, from safe\.skops \(skops\)"
    server.wait_for_log(said)
    server.wait_for_log(r"small: .* from small\.onnx \(joblib\)")
    server.wait_for_log(r"shift: a model of the typed contract, from object\.bin \(cloudpickle\)")


def test_a_name_that_says_something_else_is_noted(server: Server) -> None:
    server.wait_for_log(r"WARNING .*small: small\.onnx: its name does not say so, but its content is joblib")


def broken_inside(path: Path) -> None:
    """A skops file whose directory is whole, but whose arrays are not."""
    with (
        zipfile.ZipFile(io.BytesIO(skops.io.dumps(trained()))) as whole,
        zipfile.ZipFile(path, "w") as broken,
    ):
        for name in whole.namelist():
            broken.writestr(name, whole.read(name).replace(b"\x93NUMPY", b"NOTNPY"))


@pytest.mark.slow
def test_damage_that_only_loading_shows_ends_the_server_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    broken_inside(path)
    ended = modelport("serve", "--port", "0", str(path))
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {path}: loading it as scikit-learn (skops) failed: ")
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_damage_in_one_of_several_files_leaves_the_others(
    tmp_path: Path, folder: Path, expected: Any
) -> None:
    path = tmp_path / "broken.skops"
    broken_inside(path)
    with serving(str(path), str(folder / "safe.skops")) as server:
        states = server.client.get("/v2/health/ready").json()["models"]
        assert states["broken"]["error"].startswith(f"{path}: loading it as scikit-learn")
        assert states["safe"]["state"] == "ready"


@pytest.mark.slow
def test_a_worker_that_is_replaced_loads_the_file_again(folder: Path, expected: Any) -> None:
    with serving(str(folder / "object.bin"), "--trust") as server:
        before = len(server.lines)
        (worker,) = children(server)
        worker.kill()
        server.wait_for_log("a new worker is ready", start=before)
        wait_until(lambda: server.client.get("/v2/health/ready").status_code == 200, lambda: server.log)
        assert server.client.post("/v2/models/object/predict/", json={"n": 1}).json() == 41


@pytest.mark.slow
def test_a_file_that_is_exchanged_later_is_looked_at_again(tmp_path: Path) -> None:
    """Weights beside an ONNX file that become a link between two starts of a worker are not read."""
    (tmp_path / "secret").write_bytes(np.arange(4, dtype="float32").tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    weights = folder / "weights.bin"
    weights.write_bytes(bytes(16))
    adding_onnx(folder / "adding.onnx", weights.name)
    with serving(str(folder / "adding.onnx")) as server:
        answer = server.client.post("/v2/models/adding/predict/", json={"x": [[1, 2, 3, 4]]})
        assert answer.json()["predictions"] == [[1, 2, 3, 4]]
        weights.unlink()
        weights.hardlink_to(tmp_path / "secret")
        before = len(server.lines)
        (worker,) = children(server)
        worker.kill()
        server.wait_for_log("'weights.bin', is a link", start=before)
        assert server.client.get("/v2/health/ready").status_code == 503


def adding_onnx(path: Path, location: str) -> None:
    """A model that adds four weights, which are in a file of their own."""
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    rows = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 4]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", rows[:1], rows[1:], [weights]
    )
    imports = [helper.make_opsetid("", 17)]
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString())


def children(server: Server) -> list[Any]:
    import psutil

    return psutil.Process(server.process.pid).children()


@pytest.mark.parametrize("place", ["before", "after"])
def test_predict_takes_the_trust_before_and_after_the_source(folder: Path, expected: Any, place: str) -> None:
    path = str(folder / "object.bin")
    first = ["--trust", path] if place == "before" else [path]
    last = ["--trust"] if place == "after" else []
    ended = modelport("predict", *first, "--n", "2", *last)
    assert (ended.returncode, ended.stdout) == (0, "42\n"), ended.stderr


@pytest.mark.slow
def test_check_and_metadata_know_the_file(folder: Path, expected: Any) -> None:
    checked = modelport("check", "--trust", str(folder / "small.onnx"))
    assert checked.returncode == 0, checked.stderr
    assert "its name does not say so, but its content is joblib pickle" in checked.stdout
    said = modelport("metadata", str(folder / "safe.skops"))
    assert '"model": "Pipeline"' in said.stdout
