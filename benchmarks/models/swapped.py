"""A model with versions that load scikit-learn, as real ones do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import modelport


class Swapped(modelport.Model):
    """Says which version it is, and what a small classifier says."""

    def __init__(self) -> None:
        self.number = 0
        rows = np.arange(40.0).reshape(-1, 4)
        self.classifier = LogisticRegression().fit(rows, np.arange(10) % 2)

    def load_model(self, path: Path) -> None:
        self.number = json.loads(path.read_text())

    def predict(self, row: list[float]) -> dict[str, float]:
        return {"number": self.number, "answer": float(self.classifier.predict([row])[0])}

    def train(self, number: int) -> dict[str, Any]:
        path = Path(os.environ["TMPDIR"]) / "number.json"
        path.write_text(json.dumps(number))
        modelport.current_job().save_model(path)
        return {"overall": {"f1": number / 100}}
