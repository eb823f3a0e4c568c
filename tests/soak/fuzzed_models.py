"""Models that fail for nothing that their hints let through."""

from __future__ import annotations

import datetime
from typing import Any, Literal

import modelport


class Fuzzed(modelport.Model):
    """Predicts, validates, and trains with an artifact, a metric and a model: something is in every list."""

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


class FuzzedFiles(modelport.Model):
    """Takes files, pictures and tables of any content."""

    def predict(
        self,
        file: modelport.File | None = None,
        more: list[modelport.File] = [],
        image: modelport.Image | None = None,
        table: modelport.Table | None = None,
    ) -> dict[str, Any]:
        return {
            "file": None if file is None else len(file.read()),
            "more": [len(one.read()) for one in more],
            "image": None if image is None else [image.width, image.height],
            "table": None if table is None else table.columns,
        }
