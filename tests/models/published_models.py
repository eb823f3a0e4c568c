"""The forms in which published packages for DEEPaaS ask for their arguments, in our own words."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import marshmallow
from deepaas.model.v2.wrapper import UploadedFile
from webargs import ValidationError, fields, validate
from webargs_models import Old

CONTENT_TYPES = ["application/json", "text/plain", "image/*"]
CONTAINS = validate.ContainsOnly(["a", "b"])
PICTURE = b"\x89PNG\r\n\x1a\n"


class Template:
    """The advanced template: `accept` stands in the headers, a file is sent by another name than it has."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "input_file": fields.Field(
                required=False,
                load_default=None,
                data_key="data",
                metadata={"type": "file", "location": "form", "description": "What to look at."},
            ),
            "words": fields.List(
                fields.Str(), load_default=["a"], validate=validate.ContainsOnly(["a", "b"])
            ),
            "ratio": fields.Str(load_default=0.8, metadata={"description": "A default of another type."}),
            "pair": fields.Tuple((fields.Int(), fields.Str()), load_default=None),
            "session": fields.Str(load_default=None, metadata={"location": "cookies"}),
            "accept": self._accept(),
        }

    def get_train_args(self) -> dict[str, Any]:
        return {"epochs": fields.Int(load_default=1), "accept": self._accept()}

    def _accept(self) -> fields.Field:
        return fields.Str(
            load_default="application/json",
            validate=validate.OneOf(list(CONTENT_TYPES)),
            metadata={"description": "What to answer.", "location": "headers"},
        )

    def predict(self, accept: str, input_file: UploadedFile | None, **arguments: Any) -> Any:
        if accept == "text/plain":
            return f"text for {accept}"
        if accept == "image/*":
            return PICTURE
        read = Path(input_file.filename or "").read_text() if input_file else None
        return arguments | {"accept": accept, "read": read}

    def train(self, epochs: int, accept: str) -> dict[str, Any]:
        return {"epochs": epochs, "accept": accept}


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Box(marshmallow.Schema):
    left = fields.Int(required=True)


class Choosing:
    """Choices that are no texts, objects in a query, names that are none of Python's, a set for an answer."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "colour": fields.Enum(Colour, by_value=True, load_default=Colour.BLUE),
            "box": fields.Nested(Box, load_default=None),
            "options": fields.Dict(load_default={}),
            "size(h,w)": fields.List(fields.Float, load_default=[1.0, 2.0], metadata={"location": "json"}),
        }

    def predict(self, **arguments: Any) -> Any:
        if arguments["options"].get("refuse"):
            raise ValidationError("It is too dark.", field_name="colour")
        return arguments | {"colour": arguments["colour"].name}

    def train(self) -> set[str]:
        return {"saved in models/1"}


class Complete(Old):
    """What the base class of a real DEEPaaS insists on."""

    def get_metadata(self) -> dict[str, Any]:
        return {"name": "complete"}

    def get_train_args(self) -> dict[str, Any]:
        return {}

    def train(self) -> None:
        """Nothing to train."""

    def warm(self) -> None:
        """Nothing to warm."""
