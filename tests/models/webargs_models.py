"""Models written for DEEPaaS: each way of asking for arguments, and what then arrives."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import marshmallow
from aiohttp.web import HTTPBadRequest
from deepaas.model.v2.base import BaseModel
from deepaas.model.v2.wrapper import UploadedFile
from webargs import ValidationError, fields, validate


def shown(value: Any) -> Any:
    """A value with its class, so that a test sees what conversion made of it."""
    if isinstance(value, UploadedFile):
        return {"upload": list(value), "content": Path(value.filename or "").read_text()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value if value is None or isinstance(value, (bool, dict)) else f"{type(value).__name__} {value}"


class Old(BaseModel):
    """The keywords of webargs 5, as the DEEPaaS page writes them."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "arg1": fields.Str(
                required=False, missing="foo", enum=["choice1", "choice2"], description="Argument one"
            ),
            "count": fields.Int(missing=3, validate=validate.Range(min=1, max=10)),
            "open": fields.Float(validate=validate.Range(0, 1, min_inclusive=False, max_inclusive=False)),
            "numbers": fields.List(fields.Int(validate=validate.Range(0, min_inclusive=False)), missing=[]),
            "csv": fields.DelimitedList(fields.Float(), missing=[]),
            "nothing": fields.Str(missing=None),
            "agent": fields.Str(location="headers", data_key="X-Agent"),
            "only_query": fields.Str(location="querystring"),
            "only_form": fields.Str(location="form"),
            "only_json": fields.Str(location="json"),
        }

    def predict(self, **kwargs: Any) -> dict[str, Any]:
        return {name: shown(value) for name, value in kwargs.items()}


class Point(marshmallow.Schema):
    x = fields.Float(required=True)
    y = fields.Float(load_default=0.0)


class New:
    """The keywords of today, and fields that hold others."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "text": fields.Str(required=True, metadata={"description": "Any text", "enum": ["a", "b"]}),
            "flag": fields.Bool(load_default=False),
            "when": fields.DateTime(),
            "day": fields.Date(),
            "ident": fields.UUID(),
            "link": fields.Url(),
            "point": fields.Nested(Point),
            "box": fields.Nested({"left": fields.Int(required=True)}),
            "options": fields.Dict(keys=fields.Str(), values=fields.Int()),
            "renamed": fields.Int(data_key="other-name"),
            "exact": fields.Int(strict=True),
            "even": fields.Int(validate=self.check_even),
            "bare": fields.Str,
        }

    @staticmethod
    def check_even(value: int) -> None:
        if value % 2:
            raise ValidationError("Must be even.")

    def predict(self, **kwargs: Any) -> dict[str, Any]:
        if kwargs["text"] == "refused":
            raise ValidationError({"text": ["Refused by the model."]})
        return {name: shown(value) for name, value in kwargs.items()}


class TwoBoxes:
    """Schemas without a name, two in the arguments and one in the answer."""

    schema: ClassVar[Any] = {"box": fields.Nested({"answered": fields.Int()})}

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "first": fields.Nested({"left": fields.Int()}),
            "second": fields.Nested({"right": fields.Int()}),
        }

    def predict(self, **kwargs: Any) -> dict[str, Any]:
        return {"box": {"answered": len(kwargs)}}


class WholeSchema:
    """Arguments as a Schema class with a check of its own."""

    class Arguments(marshmallow.Schema):
        low = fields.Int(load_default=0)
        high = fields.Int(required=True)

        @marshmallow.validates_schema
        def check(self, data: dict[str, Any], **kwargs: Any) -> None:
            if data["low"] > data["high"]:
                raise ValidationError("low is over high", "low")

    def get_predict_args(self) -> type[marshmallow.Schema]:
        return self.Arguments

    def predict(self, low: int, high: int) -> list[int]:
        return [low, high]


def get_predict_args() -> dict[str, Any]:
    """The arguments of the upgrade notes."""
    return {
        "files": fields.Field(
            required=False,
            missing=None,
            type="file",
            location="form",
            description="Select the image you want to classify.",
        ),
        "urls": fields.Url(
            required=False, missing=None, description="Select an URL of the image you want to classify."
        ),
    }


def catch_error(function: Any) -> Any:
    @wraps(function)
    def wrap(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise HTTPBadRequest(reason=error) from error  # an exception for a reason: as the notes do

    return wrap


@catch_error
def predict(**args: Any) -> Any:
    """The function of the upgrade notes, decorated as they say."""
    if not any([args["urls"], args["files"]]) or all([args["urls"], args["files"]]):
        raise Exception("You must provide either 'url' or 'data' in the payload")
    return shown([args["files"]]) if args["files"] else [args["urls"]]


class FirstVersion:
    """Arguments as the first version of DEEPaaS described them: dictionaries."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"depth": {"default": 3, "help": "How deep", "required": False}}

    def predict(self, **kwargs: Any) -> dict[str, Any]:
        return {name: shown(value) for name, value in kwargs.items()}


class Media:
    """The model chooses what to return by `accept`."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "accept": fields.Str(
                description="Media type(s) that is/are acceptable for the response.",
                validate=validate.OneOf(["application/zip", "image/png", "application/json", "text/plain"]),
            ),
        }

    def predict(self, accept: str) -> Any:
        if accept == "application/json":
            return {"some": "json"}
        return f"text for {accept}" if accept == "text/plain" else accept.encode()
