"""A response schema that is a marshmallow class; `break_it` names the way to break it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from webargs import fields


class Label(ma.Schema):
    label = ma.fields.Str(required=True)
    probability = ma.fields.Float(required=True)


class Labels(ma.Schema):
    status = ma.fields.Str(required=True)
    predictions = ma.fields.List(ma.fields.Nested(Label))


schema = Labels


def get_metadata() -> dict[str, str]:
    return {"name": "schema_class", "description": "Two labels"}


def get_predict_args() -> dict[str, fields.Field]:
    return {"break_it": fields.Str(missing="no", enum=["no", "type", "missing", "unknown"])}


def predict(break_it: str) -> dict[str, Any]:
    labels: list[dict[str, Any]] = [
        {"label": name, "probability": share} for name, share in (("foo", 1.0), ("bar", 0.5))
    ]
    whole: dict[str, Any] = {"status": "OK", "predictions": labels}
    match break_it:
        case "type":
            labels[0]["probability"] = "high"
        case "missing":
            whole.pop("status")
        case "unknown":
            whole["extra"] = 1
        case _:
            pass
    return whole
