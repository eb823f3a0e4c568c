"""A training on an uploaded file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from webargs import fields


def get_metadata() -> dict[str, str]:
    return {"name": "training_files", "description": "Trains on a file"}


def get_train_args() -> dict[str, fields.Field]:
    table = fields.Field(required=True, location="form", type="file", description="Rows to train on")
    return {"table": table, "rate": fields.Float(missing=0.1)}


def train(table: Any, rate: float) -> dict[str, Any]:
    lines = Path(table.filename).read_text().splitlines()
    return {"lines": len(lines), "rate": rate, "name": table.original_filename}
