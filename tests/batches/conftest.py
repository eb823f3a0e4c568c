"""A server whose batch jobs the tests of this folder ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import joblib
import pytest
from serving import serving

NAMES = ("Sums", "Tables", "Means", "Together", "Beside", "Broken", "Rows")


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a model of scikit-learn: class 1 where `a` is over 1."""
    import pandas
    from sklearn.tree import DecisionTreeClassifier

    rows = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    path = tmp_path_factory.mktemp("models") / "tree.joblib"
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(rows, [0, 0, 1, 1]), path)
    return path


@pytest.fixture(scope="session")
def client(forest: Path) -> Iterator[httpx.Client]:
    models = [f"{name.lower()}=batch_models:{name}" for name in NAMES]
    with serving(*models, f"tree={forest}", "--trust", "--job-workers", "2") as server:
        yield server.client
