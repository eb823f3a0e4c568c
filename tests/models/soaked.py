"""The model of a soak: predictions that say who answers, trainings that go on where they were killed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from noting_models import note

import modelport

ROUNDS = 4


def weights(factor: int) -> bytes:
    """What a training of a factor leaves: the same bytes for the same factor, and more than one block."""
    return hashlib.sha256(str(factor).encode()).digest() * 4096


class Soaked(modelport.Model):
    """Multiplies by what it was trained for; 1 before that."""

    resumable = True

    def __init__(self) -> None:
        self.factor = 1

    def load_model(self, path: Path) -> None:
        self.factor = json.loads(path.read_text())["factor"]

    def predict(self, number: int = 0, seconds: float = 0.0, side: str = "") -> dict[str, Any]:
        """With a side file it is a job, which notes its runs there."""
        if not side:
            time.sleep(seconds)
            return {"value": number * self.factor, "factor": self.factor, "pid": os.getpid()}
        note(side, "start")
        print(f"number {number}", flush=True)
        time.sleep(seconds)
        note(side, "end")
        return {"number": number, "attempt": modelport.current_job().attempt}

    def train(self, side: str, factor: int, seconds: float = 0.0) -> dict[str, Any]:
        """In rounds, of which each leaves a checkpoint; what it saves is a version of that factor."""
        job = modelport.current_job()
        note(side, "start")
        checkpoint = job.checkpoint_dir / "round"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for number in range(done, ROUNDS):
            time.sleep(seconds / ROUNDS)
            job.log_metric("round", number + 1, number)
            part = checkpoint.with_suffix(".part")
            part.write_text(str(number + 1))
            part.replace(checkpoint)
        saved = Path(os.environ["TMPDIR"]) / "model.json"
        saved.write_text(json.dumps({"factor": factor}))
        job.save_model(saved)
        left = Path(os.environ["TMPDIR"]) / "weights"
        left.write_bytes(weights(factor))
        job.artifact(left, "weights")
        note(side, "end")
        return {"factor": factor, "rounds": ROUNDS, "attempt": job.attempt}
