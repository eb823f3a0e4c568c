"""Models that say what has reached them of the things that people have in hand."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

import modelport


class Passenger(BaseModel):
    name: str
    age: float | None = None


class Tables(modelport.Model):
    """A table, whatever its columns are."""

    def predict(self, table: modelport.Table, note: str = "") -> dict[str, Any]:
        return {"columns": table.columns, "rows": table.rows, "note": note}


class Lists(modelport.Model):
    """The forms of a table that hints can name."""

    def predict(
        self,
        people: list[Passenger] = [],
        rows: list[list[float]] = [],
        column: list[float] = [],
        by_name: dict[str, Any] = {},
        anything: Any = None,
    ) -> dict[str, Any]:
        names = [person.name for person in people]
        return {"names": names, "rows": rows, "column": column, "by_name": by_name, "anything": anything}


class Pictures(modelport.Model):
    def predict(self, image: modelport.Image, more: list[modelport.Image] = []) -> list[dict[str, Any]]:
        return [
            {
                "name": each.filename,
                "mode": each.pillow().mode,
                "size": each.pillow().size,
                "corner": each.pillow().getpixel((0, 0)),
                "turned": each.pillow().getexif().get(0x0112),
            }
            for each in [image, *more]
        ]


class Reads(modelport.Model):
    def predict(self, file: modelport.File) -> dict[str, str]:
        return {"type": file.content_type, "name": file.filename, "text": file.read().decode()}

    def train(self, data: modelport.Table, epochs: int = 1) -> dict[str, Any]:
        return {"columns": data.columns, "rows": data.rows}
