"""A model that fails for nothing that its hints let through, and leaves something in every list."""

from __future__ import annotations

import datetime
from typing import Literal

import modelport


class Fuzzed(modelport.Model):
    """Predicts, validates, and trains with an artifact, a metric and a model."""

    factor = 1.0

    def predict(
        self,
        number: int = 0,
        share: float = 0.0,
        text: str = "",
        choice: Literal["a", "b"] = "a",
        when: datetime.datetime | None = None,
        several: list[int] | None = None,
    ) -> dict[str, str | int | None]:
        return {"text": text, "choice": choice, "when": str(when), "several": len(several or [])}

    def train(self, epochs: int = 1) -> dict[str, dict[str, float]]:
        job = modelport.current_job()
        job.log_metric("loss", 0.5, 0)
        job.progress(1, 1, "done")
        kept = job.checkpoint_dir / "kept.txt"
        kept.write_text("0123456789")
        job.artifact(kept)
        job.save_model(kept)
        return {"overall": {"f1": 0.5}, "class": {"a": 0.5}}

    def validate(self, share: float = 0.5) -> dict[str, float]:
        return {"accuracy": share}

    @classmethod
    def load_model(cls, path: str) -> Fuzzed:
        return cls()
