"""A model whose trainings save what it predicts with: a factor, in a file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

import modelport


class Product(BaseModel):
    value: float
    factor: float


class Scaler(modelport.Model):
    """Multiplies by a factor that its trainings choose; 1 before there was any."""

    metadata: ClassVar[dict[str, Any]] = {"version": "1.2"}

    def __init__(self) -> None:
        self.factor = 1.0
        self.seconds = 0.0
        self.fails_above: float | None = None

    def load_model(self, path: Path) -> None:
        saved = json.loads(path.read_text())
        if saved["broken"]:
            raise ValueError("this one cannot be loaded")
        time.sleep(saved["load_seconds"])
        self.factor, self.seconds = saved["factor"], saved["seconds"]
        self.fails_above = saved["fails_above"]

    def predict(self, x: float, delay: float = 0.0) -> Product:
        time.sleep(self.seconds + delay)
        if self.fails_above is not None and x > self.fails_above:
            raise ValueError("too much for this version")
        return Product(value=x * self.factor, factor=self.factor)

    def validate(self, x: float = 1.0) -> Product:
        return Product(value=x * self.factor, factor=self.factor)

    def train(
        self,
        factor: float,
        f1: float = 0.5,
        seed: int = 7,
        seconds: float = 0.0,
        load_seconds: float = 0.0,
        fails_above: float | None = None,
        broken: bool = False,
        save: str = "file",
    ) -> Any:
        job = modelport.current_job()
        for step in range(3):
            job.log_metric("loss", 1.0 / (step + 1), step)
        saved = {
            "factor": factor,
            "seconds": seconds,
            "load_seconds": load_seconds,
            "fails_above": fails_above,
            "broken": broken,
        }
        path = Path(os.environ["TMPDIR"]) / "scaler.json"
        path.write_text(json.dumps(saved))
        if save == "file":
            job.save_model(path)
        elif save == "returned":
            return path
        performance = {"overall": {"f1": f1, "num_samples": 10}, "class": {"nlp": {"f1": f1 / 2}}}
        if save == "logged":
            job.log_performance(performance)
            return "not a dictionary"
        return performance
