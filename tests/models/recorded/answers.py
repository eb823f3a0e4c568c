"""`kind` chooses what predict() returns or raises; no schema stands in between."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from webargs import fields

RETURNED: dict[str, Any] = {
    "dict": {"a": 1, "b": [1.5, None, True], "c": {"d": "e"}},
    "empty": {},
    "list": [1, 2, 3],
    "str": "just text",
    "unicode": "żółć ☃ 🐍",
    "int": 5,
    "float": 0.25,
    "bool": True,
    "none": None,
}
RAISED = {
    "http400": lambda: web.HTTPBadRequest(reason="the picture is too dark"),
    "http404": lambda: web.HTTPNotFound(reason="no such label"),
    "http503": lambda: web.HTTPServiceUnavailable(reason="come back later"),
    "value_error": lambda: ValueError("a secret is 42"),
    "not_implemented": NotImplementedError,
}


def get_metadata() -> dict[str, str]:
    return {"name": "answers", "description": "Answers of every kind"}


def get_predict_args() -> dict[str, fields.Field]:
    return {"kind": fields.Str(missing="dict")}


def predict(kind: str) -> Any:
    """Return or raise what `kind` names; a name that is in neither table is a KeyError."""
    if kind in RAISED:
        raise RAISED[kind]()
    return RETURNED[kind]
