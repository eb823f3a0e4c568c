"""Models that leave functions out, and models that cannot be loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import marshmallow
from webargs import fields


class OnlyMetadata:
    def get_metadata(self) -> dict[str, Any]:
        return {"name": "Mine", "version": 2, "author-email": None, "custom": {"a": [1]}}


class OnlyPredict:
    def predict(self) -> str:
        return "predicted"


class OnlyTrain:
    def train(self) -> str:
        return "trained"


class Refuses:
    """Each function is there, and says that it is not."""

    def get_metadata(self) -> dict[str, Any]:
        raise NotImplementedError

    def predict(self) -> Any:
        raise NotImplementedError("not for cats")


class MetadataFails:
    def get_metadata(self) -> dict[str, Any]:
        raise OSError("no such page")

    def predict(self) -> str:
        return "predicted"


class SchemaAsDictionary:
    """The schema of the DEEPaaS page."""

    schema: ClassVar[Any] = {
        "status": fields.Str(required=True, description="Model predictions"),
        "predictions": fields.List(
            fields.Nested({"label": fields.Str(required=True), "probability": fields.Float(required=True)})
        ),
    }

    def get_predict_args(self) -> dict[str, Any]:
        return {"probability": fields.Raw(missing=0.5)}

    def predict(self, probability: Any) -> Any:
        if probability == "no dictionary":
            return ["secret"]
        return {"status": "OK", "predictions": [{"label": "secret", "probability": probability}]}


class Label(marshmallow.Schema):
    label = fields.Str(required=True)
    at = fields.Date(required=True)


class SchemaAsClass:
    class Response(marshmallow.Schema):
        status = fields.Str(description="Model predictions")
        predictions = fields.List(fields.Nested(Label))

    schema = Response

    def predict(self) -> Any:
        from datetime import date

        return {"status": "OK", "predictions": [{"label": "a", "at": date(2020, 2, 29)}]}


class SchemaNone:
    schema = None

    def predict(self) -> Any:
        return {"anything": 1}


class SchemaIsNumber:
    schema = 5

    def predict(self) -> Any:
        return {}


class SchemaOfNumbers:
    schema: ClassVar[Any] = {"label": 5}

    def predict(self) -> Any:
        return {}


class SchemaOfTypes:
    schema: ClassVar[Any] = {"label": int}

    def predict(self) -> Any:
        return {}


class ArgumentIsNumber:
    def get_predict_args(self) -> dict[str, Any]:
        return {"count": 5}

    def predict(self, **kwargs: Any) -> Any:
        return kwargs


class DefaultOfRequired:
    def get_predict_args(self) -> dict[str, Any]:
        return {
            "count": fields.Int(
                required=True,
                load_default=None,
            ),
        }

    def predict(self, **kwargs: Any) -> Any:
        return kwargs


class Warm:
    """Leaves a mark for each process that was warmed, and answers what it found when it was."""

    def warm(self) -> None:
        self.place = Path(os.environ["MARKS"]) / str(os.getpid())
        self.place.write_text("warm")

    def predict(self) -> list[Any]:
        return [os.getpid(), self.place.read_text()]


class WarmFails:
    def warm(self) -> None:
        raise RuntimeError("no weights here")

    def predict(self) -> Any:
        return {}


class ConstructorFails:
    def __init__(self) -> None:
        raise RuntimeError("no licence")

    def predict(self) -> Any:
        return {}


class NoModel:
    """Nothing here that could be served."""


class UnknownHint:
    def predict(self, value: NoSuchType) -> Any:  # noqa: F821
        return value
