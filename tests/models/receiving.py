"""A model that says what it has received, for every input of a form that a browser fills in by itself."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

import modelport


class Circle(BaseModel):
    shape: Literal["circle"] = "circle"
    radius: float


class Square(BaseModel):
    shape: Literal["square"] = "square"
    side: float | Literal["unit"]


class Scene(BaseModel):
    parts: list[Annotated[Circle | Square, Field(discriminator="shape")]]


class Receiving(modelport.Model):
    """Says what it is given."""

    def predict(
        self,
        picture: modelport.Image | None = None,
        sound: modelport.File | None = None,
        rows: modelport.Table | None = None,
        day: datetime.date | None = None,
        moment: datetime.datetime | None = None,
        clock: datetime.time | None = None,
        scene: Scene | int | None = None,
    ) -> dict[str, Any]:
        return {
            "picture": None if picture is None else [picture.filename, picture.width, picture.height],
            "sound": None if sound is None else [sound.content_type, sound.read()[:12].decode("latin-1")],
            "rows": None if rows is None else [rows.columns, rows.rows],
            "day": None if day is None else f"{day:%d.%m.%Y}",
            "moment": None if moment is None else moment.astimezone(datetime.UTC).isoformat(),
            "clock": None if clock is None else clock.isoformat(),
            "scene": scene.model_dump() if isinstance(scene, Scene) else scene,
        }

    def train(
        self,
        rows: modelport.Table,
        picture: modelport.Image | None = None,
        day: datetime.date | None = None,
        scene: Scene | int | None = None,
    ) -> dict[str, Any]:
        given = self.predict(picture=picture, rows=rows, day=day, scene=scene)
        print(f"received {given}")
        return given
