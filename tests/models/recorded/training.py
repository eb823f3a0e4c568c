"""A training that lasts as long as it is told, and ends as `mode` says."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web
from webargs import fields


def get_metadata() -> dict[str, str]:
    return {"name": "training", "description": "Trains"}


def get_train_args() -> dict[str, fields.Field]:
    return {
        "epochs": fields.Int(missing=1, description="How often"),
        "seconds": fields.Float(missing=0.0, description="How long each time"),
        "mode": fields.Str(missing="ok", enum=["ok", "value_error", "http400", "none"]),
        "label": fields.Str(required=True),
    }


def train(label: str, epochs: int, seconds: float, mode: str) -> dict[str, Any] | None:
    if seconds:
        print("begins", flush=True)
    for _ in range(epochs):
        time.sleep(seconds)
    match mode:
        case "value_error":
            raise ValueError("the loss is not a number")
        case "http400":
            raise web.HTTPBadRequest(reason="bad hyper-parameters")
        case "none":
            return None
        case _:
            return {"label": label, "loss": 0.125, "epochs": epochs}


def get_predict_args() -> dict[str, fields.Field]:
    return {}


def predict() -> dict[str, Any]:
    return {}
