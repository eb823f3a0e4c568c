"""The modules of a user's own that lie beside a model file are found, whatever the format of the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from serving import environment

OWN = """
from sklearn.base import BaseEstimator, TransformerMixin

class Twice(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * 2
"""
SAVED = """
import own_steps, joblib, numpy, skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

model = make_pipeline(own_steps.Twice(), LinearRegression()).fit(numpy.array([[1.0], [2.0]]), [2.0, 4.0])
skops.io.dump(model, "model.skops")
joblib.dump(model, "model.joblib")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("beside")
    (made / "own_steps.py").write_text(OWN)
    subprocess.run([sys.executable, "-c", SAVED], cwd=made, check=True)
    return made


@pytest.mark.parametrize("name", ["model.skops", "model.joblib"])
def test_a_module_beside_the_file_is_found(folder: Path, tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "modelport", "check", "--trust", str(folder / name)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_torch_modules_that_are_pickled_find_theirs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    own = "import torch\nclass Twice(torch.nn.Module):\n    def forward(self, x):\n        return x * 2\n"
    (tmp_path / "own_layers.py").write_text(own)
    saved = "import own_layers, torch; torch.save(own_layers.Twice(), 'model.pt')"
    subprocess.run([sys.executable, "-c", saved], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "modelport", "check", "--trust", str(tmp_path / "model.pt")]
    done = subprocess.run(command, cwd="/", env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
