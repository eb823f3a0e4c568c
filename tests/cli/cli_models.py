"""Models for the command line: one of each contract, and what can go wrong with one."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field
from webargs import fields, validate

import modelport

PNG = b"\x89PNG\r\n\x1a\n not much of a picture"


class Echo:
    """Answers with the arguments it received; every kind that DEEPaaS has."""

    def get_metadata(self) -> dict[str, Any]:
        return {"name": "Echo", "description": "Says what it heard.", "version": "1.2", "author-email": None}

    def warm(self) -> None:
        print("warming up")

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "text": fields.Str(required=True, description="Any text"),
            "colour": fields.Str(missing="red", enum=["red", "green"]),
            "size": fields.Str(missing="small", validate=validate.OneOf(["small", "large"])),
            "count": fields.Int(missing=3, validate=validate.Range(1, 10)),
            "flag": fields.Bool(missing=False),
            "tags": fields.List(fields.Str(), missing=[]),
            "numbers": fields.List(fields.Int(), missing=[]),
            "csv": fields.DelimitedList(fields.Float(), missing=[]),
            "options": fields.Dict(required=False),
            "break_it": fields.Str(missing="no"),
            "token": fields.Str(location="headers", missing=""),
            "note": fields.Str(location="form", missing=""),
            "inner": fields.Int(location="json", missing=0),
        }

    def predict(self, **kwargs: Any) -> dict[str, Any]:
        print("predicting")
        return dict(sorted(kwargs.items()))


class Upload:
    def get_predict_args(self) -> dict[str, Any]:
        return {
            "data": fields.Field(required=True, type="file", location="form"),
            "more": fields.List(fields.Field(), type="file", location="form", missing=[]),
            "options": fields.Dict(missing={}),
        }

    def predict(self, data: Any, more: list[Any], options: dict[str, Any]) -> list[Any]:
        described = []
        for file in [data, *more]:
            size = len(Path(file.filename).read_bytes())
            described.append([file.name, file.content_type, file.original_filename, size])
        Path(data.filename).write_bytes(b"")  # a model may do this with its upload
        return described


class Media:
    def get_predict_args(self) -> dict[str, Any]:
        choices = ["application/json", "image/png", "text/plain"]
        return {"accept": fields.Str(missing=choices[0], validate=validate.OneOf(choices))}

    def predict(self, accept: str) -> Any:
        if accept == "image/png":
            return io.BytesIO(PNG)
        return b"plain words" if accept == "text/plain" else {"is": accept}


class Trains:
    """A training with the arguments that DEEPaaS's models have."""

    def get_train_args(self) -> dict[str, Any]:
        return {
            "epochs": fields.Int(missing=2, validate=validate.Range(1, 10)),
            "flag": fields.Bool(missing=False),
            "tags": fields.List(fields.Str(), missing=[]),
            "data": fields.Field(type="file", location="form", required=False),
            "fail": fields.Bool(missing=False),
        }

    def train(self, epochs: int, flag: bool, tags: list[str], fail: bool, data: Any = None) -> dict[str, Any]:
        if fail:
            raise ValueError("the loss is not a number")
        print(f"training for {epochs} epochs")
        size = None if data is None else len(Path(data.filename).read_bytes())
        return {"epochs": epochs, "flag": flag, "tags": tags, "size": size}


class Says:
    """Answers with a status of its own, as models of AI4OS do."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"size": fields.Int(missing=0)}

    def predict(self, size: int) -> dict[str, Any]:
        return {"status": "OK", "good": True, "nothing": None, "text": "it's" + " long" * size}

    def train(self) -> dict[str, Any]:
        return self.predict(size=0)


class Named:
    """Arguments with the names of the command's own options."""

    def get_predict_args(self) -> dict[str, Any]:
        return {name: fields.Str(missing="") for name in ("output", "debug", "help", "no_help")}

    def predict(self, **kwargs: str) -> dict[str, str]:
        return kwargs


class Fails:
    def get_predict_args(self) -> dict[str, Any]:
        return {"how": fields.Str(missing="error")}

    def predict(self, how: str) -> Any:
        if how == "refuse":
            raise modelport.HTTPError(409, "not on a Sunday")
        if how == "argument":
            from webargs import ValidationError

            raise ValidationError({"how": ["not like this"]})
        if how == "exit":
            sys.exit(5)
        if how == "nothing":
            raise NotImplementedError
        raise ValueError("the loss is not a number")


class Point(BaseModel):
    x: int
    y: int = 0


class Typed(modelport.Model):
    """A typed model."""

    metadata: ClassVar[dict[str, Any]] = {"version": "3"}

    def predict(
        self,
        point: Point,
        ratio: Annotated[float, Field(ge=0, le=1, description="How much")] = 0.5,
        mode: Literal["fast", "slow"] = "fast",
        flag: bool = True,
        points: list[Point] = [],
        numbers: list[int] = [],
    ) -> dict[str, Any]:
        return {
            "point": point, "ratio": ratio, "mode": mode, "flag": flag, "points": points, "numbers": numbers
        }  # fmt: skip


class Sums(modelport.Model):
    def predict(self, table: modelport.Table) -> dict[str, float]:
        columns = zip(*table.numbers(), strict=True)
        return {name: sum(column) for name, column in zip(table.columns, columns, strict=True)}


class Streams(modelport.Model):
    def predict(self, words: list[str]) -> Iterator[str]:
        for word in words:
            if word == "stumble":
                raise ValueError("stumbled")
            yield word


class Mismatched:
    def get_predict_args(self) -> dict[str, Any]:
        return {
            "promised": fields.Str(missing=""),
            "size": fields.Str(missing="small", enum=["small", "large"]),
            "count": fields.Int(missing=99, validate=validate.Range(1, 10)),
        }

    def predict(self, size: str, count: int, needed: str) -> Any:
        return [size, count, needed]


class Undecided(modelport.Model):
    """Defaults that its own types forbid, and a parameter without one."""

    def predict(self, anything, mode: Literal["fast", "slow"] = "medium") -> str:
        return mode


class Careless(modelport.Model):
    """Misspells, and has defaults that are of another type."""

    max_batch_size = 4

    def predict(self, count: int = "ten", note: str = None) -> int:  # type: ignore[assignment]  # noqa: RUF013
        return count

    def trian(self, epochs: int = 1) -> int:
        return epochs

    def warmup(self) -> None:
        """Nobody calls this."""

    def predict_one(self) -> None:
        """A name that is not near enough."""


class NotWarm(Echo):
    def warm(self) -> None:
        raise RuntimeError("no weights here")
