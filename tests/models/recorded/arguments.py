"""One argument of each type that the recordings use; what arrives is what is answered."""

from __future__ import annotations

from typing import Any

from webargs import fields, validate

PLAIN = (bool, int, float, str, list, dict)


def get_metadata() -> dict[str, str]:
    about = {"name": "arguments", "author": "A. Author", "license": "Apache-2.0", "version": "0.1.0"}
    about["description"] = "Answers with the arguments it received."
    about["url"] = "https://example.org/arguments"
    return about


def warm() -> None:
    """There is nothing to load."""


def get_predict_args() -> dict[str, fields.Field]:
    """Text and choices, numbers, lists, and types that are checked but need not be given."""
    texts = {
        "text": fields.Str(required=True, description="Anything"),
        # enum only documents; validate refuses.
        "colour": fields.Str(required=False, missing="red", enum=["red", "green", "blue"]),
        "size": fields.Str(missing="small", validate=validate.OneOf(["small", "large"])),
    }
    numbers = {
        "count": fields.Int(missing=3, validate=validate.Range(min=1, max=10)),
        "ratio": fields.Float(missing=0.5),
        "flag": fields.Bool(missing=False),
        "maybe": fields.Int(missing=None, allow_none=True),
    }
    lists = {
        "tags": fields.List(fields.Str(), missing=[]),
        "numbers": fields.List(fields.Int(), missing=[]),
        "csv": fields.DelimitedList(fields.Float(), missing=[]),
    }
    optional = {
        "url": fields.Url,
        "email": fields.Email,
        "when": fields.DateTime,
        "day": fields.Date,
        "ident": fields.UUID,
        "options": fields.Dict,
    }
    return texts | numbers | lists | {name: kind(required=False) for name, kind in optional.items()}


def predict(**given: Any) -> dict[str, Any]:
    """What was given: as it is if JSON has it, else as text."""
    return {name: _plain(given[name]) for name in sorted(given)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, PLAIN) else str(value)
