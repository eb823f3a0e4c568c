"""Pickled applications of mlup, served with the configuration that is in them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import serving
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

FLOWERS = [[5.1, 3.5, 1.4, 0.2], {"a": 6.2, "b": 2.8, "c": 4.8, "d": 1.8}]
COLUMNS = [{"name": name, "type": "float"} for name in "abcd"]
NAMES_IT = b"\x80\x02cmlup.up\nUP\n."  # a pickle that makes nothing, but names the class


def refused(file: Path, *options: str, **variables: str) -> str:
    """What `modelport serve` says to this file; it ends with status 2 and no traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "modelport", "serve", str(file), *options],
        env=serving.environment(**variables), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


def test_an_application_is_not_unpickled_without_trust(tmp_path: Path) -> None:
    (tmp_path / "up.pickle").write_bytes(NAMES_IT)
    said = refused(tmp_path / "up.pickle")
    assert "It imports mlup.up.UP" in said
    assert "--trust" in said


def test_without_mlup_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "up.pickle").write_bytes(NAMES_IT)
    hidden = tmp_path / "sitecustomize.py"  # whether mlup is there or not
    hidden.write_text("import sys\nsys.modules['mlup'] = None\n")
    places = os.pathsep.join([str(tmp_path), serving.environment()["PYTHONPATH"]])
    said = refused(tmp_path / "up.pickle", "--trust", PYTHONPATH=places)
    assert said.endswith("it is an application of mlup, which is not installed: pip install pymlup")


@pytest.fixture(scope="module")
def mlup() -> Any:
    """The package, for tests that need it."""
    pytest.importorskip("mlup.up", reason="mlup 0.4 is not installed, whose pickles these are")
    return sys.modules["mlup"]  # and not the folder of these tests, which has its name, too


@pytest.fixture(scope="module")
def with_mlup(mlup: Any) -> str:
    """The PYTHONPATH of a process that can import it, too."""
    place = str(Path(mlup.__file__).parent.parent)
    return os.pathsep.join([serving.environment()["PYTHONPATH"], place])


@pytest.fixture
def application(mlup: Any) -> Any:
    """An application with a configuration of its own."""
    model = LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))
    conf = mlup.Config(name="Flowers", port=1, max_queue_size=7, columns=COLUMNS, column_validation=True)
    conf.mode = mlup.constants.WebAppArchitecture.worker_and_queue
    return mlup.UP(ml_model=model, conf=conf)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_it_is_served_as_it_is_configured(
    is_loaded: bool, application: Any, with_mlup: str, tmp_path: Path
) -> None:
    if is_loaded:
        application.ml.load()
    (tmp_path / "up.pickle").write_bytes(pickle.dumps(application))
    options = ["--trust", "--debug", "--host", "127.0.0.1"]
    with serving.serving(str(tmp_path / "up.pickle"), *options, PYTHONPATH=with_mlup) as server:
        answer = server.client.post("/predict", json={"X": FLOWERS})
        assert answer.json() == {"predict_result": [0, 2]}
        assert server.client.post("/predict", json={"X": [{"a": 1}]}).status_code == 422
        info = server.client.get("/info").json()
        assert (info["model_info"]["name"], info["model_info"]["columns"]) == ("Flowers", COLUMNS)
        web = info["web_app_config"]
        assert (web["max_queue_size"], web["mode"].rpartition(".")[2], web["debug"]) == (
            7, "WorkerAndQueueArchitecture", True,
        )  # fmt: skip


def test_a_pickle_that_names_it_and_is_none_is_refused(with_mlup: str, tmp_path: Path) -> None:
    (tmp_path / "up.pickle").write_bytes(NAMES_IT)
    said = refused(tmp_path / "up.pickle", "--trust", PYTHONPATH=with_mlup)
    assert "up.pickle" in said.partition("Error: ")[2]
