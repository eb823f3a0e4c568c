"""A random forest of 100 trees, which takes as long for one row as for 64."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import modelport


class Forest(modelport.Model):
    """Reads a digit of 8x8 pixels."""

    max_batch_size = 64
    max_wait_ms = 5.0

    def warm(self) -> None:
        pictures, labels = load_digits(return_X_y=True)
        self.forest = RandomForestClassifier(n_estimators=100, random_state=0).fit(pictures, labels)

    def predict(self, pixels: list[float]) -> int:
        return self.predict_batch([{"pixels": pixels}])[0]

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[int]:
        rows = np.array([call["pixels"] for call in calls])
        return [int(label) for label in self.forest.predict(rows)]
