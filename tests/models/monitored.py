"""Models whose inputs and answers are watched."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import modelport

COLOURS = ("red", "green", "blue")


def customers(count: int, seed: int) -> list[dict[str, Any]]:
    """Inputs as a training has them, and as are sent where nothing has changed."""
    chosen = random.Random(seed)
    return [{"amount": chosen.gauss(100.0, 15.0), "colour": chosen.choice(COLOURS)} for _ in range(count)]


def risk(amount: float) -> str:
    return "high" if amount > 110.0 else "low"


class Risk(modelport.Model):
    """Tells a risk by an amount. Its trainings record what they were made with."""

    def load_model(self, path: Path) -> None:
        self.loaded = json.loads(path.read_text())

    def predict(self, amount: float, colour: str, note: str = "") -> dict[str, Any]:
        return {"risk": risk(amount), "score": amount / 200.0}

    def train(self, count: int = 2000) -> dict[str, Any]:
        job = modelport.current_job()
        rows = customers(count, seed=1)
        answers = [{"risk": risk(row["amount"]), "score": row["amount"] / 200.0} for row in rows]
        job.reference(rows, answers)
        path = Path(os.environ["TMPDIR"]) / "risk.json"
        path.write_text("{}")
        job.save_model(path)
        return {"overall": {"rows": count}}


class Words(modelport.Model):
    """Streams."""

    def predict(self, count: int = 2) -> Iterator[str]:
        for number in range(count):
            yield f"secret {number}"


class Rows(modelport.Model):
    """Counts the rows of a table."""

    def predict(self, table: modelport.Table, factor: float = 1.0) -> int:
        return len(table.rows) if isinstance(table.rows, list) else int(factor)
