"""A module of the DEEPaaS contract whose `predict` runs in threads."""

from __future__ import annotations

from typing import Any

import threaded
from webargs import fields

max_concurrency = threaded.THREADS


def get_metadata() -> dict[str, Any]:
    """What it is."""
    return {"name": "threaded"}


def get_predict_args() -> dict[str, Any]:
    """How many are to meet."""
    return {"others": fields.Int(load_default=1)}


def predict(others: int) -> int:
    """Wait for them."""
    threaded.happened("deepaas")
    threaded.until("deepaas", others)
    return others
