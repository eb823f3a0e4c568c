"""A model written for DEEPaaS, which others ask: its arguments stand in all places."""

from __future__ import annotations

from typing import Any

from webargs import fields


def get_predict_args() -> dict[str, Any]:
    return {
        "text": fields.Str(required=True),
        "numbers": fields.List(fields.Float(), load_default=[]),
        "times": fields.Int(load_default=1, metadata={"location": "query"}),
        "token": fields.Str(load_default="", data_key="X-Token", metadata={"location": "headers"}),
        "note": fields.Field(load_default=None, metadata={"type": "file", "location": "form"}),
    }


def predict(text: str, numbers: list[float], times: int, token: str, note: Any) -> dict[str, Any]:
    said = ""
    if note is not None:
        with open(note.filename, encoding="utf-8") as file:  # noqa: PTH123 - as such models do
            said = file.read()
    return {"text": text * times, "sum": sum(numbers), "token": token, "note": said}
