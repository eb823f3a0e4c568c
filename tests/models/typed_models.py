"""Models of the typed contract: each kind of hint, and files."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import tempfile
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

import modelport
from modelport import File, Image, Table


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Grade(enum.Enum):
    FIRST = 1
    SECOND = 2


class Point(BaseModel):
    x: float
    y: Annotated[float, Field(ge=0)] = 0.0


@dataclasses.dataclass
class Box:
    left: int
    inside: Point | None = None


class Options(TypedDict, total=False):
    depth: int
    name: str


class Kinds(modelport.Model):
    """Every kind of hint.

    Answers with what it got, and of which class.
    """

    metadata = {"version": "1.2.3", "author": "A. Author"}  # noqa: RUF012

    def predict(
        self,
        number: int,
        ratio: Annotated[float, Field(gt=0, le=1, description="A part")] = 0.5,
        flag: bool = False,
        text: str = "none",
        choice: Literal["a", "b"] = "a",
        colour: Colour = Colour.RED,
        level: Level = Level.LOW,
        numbers: list[int] = [],
        maybe_numbers: list[int] | None = None,
        pair: tuple[int, str] | None = None,
        maybe: int | None = None,
        when: datetime.datetime | None = None,
        day: datetime.date | None = None,
        ident: uuid.UUID | None = None,
        price: Decimal | None = None,
        point: Point | None = None,
        points: list[Point] = [],
        box: Box | None = None,
        options: Options = {},
        table: dict[str, float] = {},
        either: int | str | None = None,
        anything: Any = None,
        filled: Annotated[int, Field(default=7)] = Field(default=8),
        top: Literal[1, 3, 5] = 1,
        grade: Grade = Grade.FIRST,
        grades: list[Grade] = [],
        lasts: datetime.timedelta | None = None,
    ) -> dict[str, Any]:
        given = {name: value for name, value in locals().items() if name != "self"}
        return {
            "values": given,
            "classes": {name: type(value).__name__ for name, value in given.items()},
        }


class DefaultInHint(modelport.Model):
    """The default stands in the hint alone."""

    def predict(self, count: Annotated[int, Field(default=7, ge=1)]) -> int:
        return count


class Files(modelport.Model):
    """Files, pictures and tables; says where each lies and what is in it."""

    def predict(
        self,
        file: File | None = None,
        more: list[File] = [],
        image: Image | None = None,
        table: Table | None = None,
        note: Annotated[str, Field(max_length=5)] = "",
    ) -> dict[str, Any]:
        return {
            "file": None if file is None else [str(file.path), file.filename, file.content_type],
            "content": None if file is None else file.read().decode(),
            "more": [f.open().read().decode() for f in more],
            "image": None if image is None else [image.width, image.height, image.pillow("L").size],
            "table": None if table is None else [table.columns, table.rows],
            "note": note,
        }


class Prediction(BaseModel):
    label: str
    probability: Annotated[float, Field(ge=0, le=1)]
    at: datetime.date | None = None


class Predicts(modelport.Model):
    """A typed answer; `probability` is what it answers, as it is given."""

    def predict(self, probability: Any = 0.5) -> Prediction:
        import numpy as np

        made: Any = {"numpy": np.float32(0.5), "nan": float("nan"), "bad": 2.0}.get(
            str(probability), probability
        )
        if probability == "nan":
            return Prediction.model_construct(label="a", probability=made)
        return {"label": "secret", "probability": made, "at": "2020-02-29"}  # type: ignore[return-value]


class Measures(modelport.Model):
    """A bare number."""

    def predict(self, number: float = 1.0) -> float:
        return float("nan") if number < 0 else number


class Shows(modelport.Model):
    """One picture in several media types."""

    def predict(self, accept: Literal["application/json", "image/png", "image/jpeg"] = "image/png") -> Any:
        from PIL import Image as pillow

        return {"size": [2, 1]} if accept == "application/json" else pillow.new("L", (2, 1))


class Draws(modelport.Model):
    """A picture by its hint alone."""

    def predict(self, width: int = 2) -> Image:
        from PIL import Image as pillow

        path = Path(tempfile.mkdtemp()) / "picture.png"
        pillow.new("L", (width, 1)).save(path)
        return Image(path, "drawn.png", "image/png")


class Elsewhere:
    """A place for another class of the same name."""

    class Point(BaseModel):
        latitude: float
        box: Box | None = None


class SameNames(modelport.Model):
    """Two classes of one name, and one that looks different when it is answered."""

    def predict(self, here: Point, there: Elsewhere.Point) -> Prediction | Elsewhere.Point | Point:
        return there if there.box is None else here


class AnyMedia(modelport.Model):
    """Says what was accepted."""

    def predict(self, accept: str) -> Any:
        return {"accept": accept}


class Trains(modelport.Model):
    """Has no predict at all."""

    def train(self, epochs: int = 1) -> int:
        return epochs


async def predict(text: str, times: int = 1) -> str:
    """A module with an annotated predict is a typed model too."""
    return text * times
