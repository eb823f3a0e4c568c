"""A model that shows when its server was told of something."""

from __future__ import annotations

import os
import time
from pathlib import Path

import modelport


class Told(modelport.Model):
    """Says which version it is; a training without a number waits until it is cancelled, and says when."""

    def __init__(self) -> None:
        self.number = 0

    def load_model(self, path: Path) -> None:
        self.number = int(path.read_text())

    def predict(self, x: int = 0) -> int:
        return self.number

    def train(self, number: int = 0) -> None:
        job = modelport.current_job()
        if number:
            path = Path(os.environ["TMPDIR"]) / "number"
            path.write_text(str(number))
            job.save_model(path)
            return
        print("waits")
        while not job.cancelled:
            time.sleep(0.001)
        print("cancelled at", time.time())
