"""Models of one file, which may come as the whole body, and of a stream that a query can ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelport import File, Image, Model, Table


class Eye(Model):
    """Looks at a picture."""

    def predict(self, image: Image, note: str = "") -> dict[str, Any]:
        if note == "raise":
            raise ValueError("no good")
        return {
            "size": [image.width, image.height],
            "type": image.content_type,
            "note": note,
            "bytes": len(image.read()),
            "suffix": image.path.suffix,
        }

    def train(self, image: Image) -> list[int]:
        return [image.width, image.height]


class Together(Model):
    """Reads files, several calls at once."""

    max_batch_size = 8
    max_wait_ms = 50.0

    def predict(self, file: File) -> str:
        raise NotImplementedError

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[str]:
        return [call["file"].read().decode() for call in calls]


class Several(Model):
    """Reads any number of files."""

    def predict(self, one: File | None = None, more: list[File] = []) -> list[list[str]]:
        files = [*([one] if one else []), *more]
        return [[file.content_type, file.read().decode()] for file in files]


class Rows(Model):
    """Reads a table."""

    def predict(self, table: Table) -> Any:
        return [table.columns, table.rows]


class Reads(Model):
    """Streams the words of a text, or of a file."""

    def predict(self, text: str = "", file: File | None = None) -> Iterator[str]:
        yield from (file.read().decode() if file else text).split()


class Counts(Model):
    """Streams numbers."""

    def predict(self, n: int) -> Iterator[int]:
        for number in range(n):
            if number == 3:
                raise ValueError("three is too much")
            yield number


class Legacy:
    """A DEEPaaS model of one file."""

    def get_predict_args(self) -> dict[str, Any]:
        from webargs import fields

        return {
            "data": fields.Field(required=True, metadata={"type": "file", "location": "form"}),
            "k": fields.Int(load_default=1),
        }

    def predict(self, data: Any, k: int) -> Any:
        return [data.content_type, Path(data.filename).read_text(), k]
