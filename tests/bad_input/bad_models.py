"""The models that the bad input is sent to. Each counts its runs, for the oracle."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import numpy
from pydantic import Field
from webargs import fields, validate

import modelport

RUNS = {"values": 0}


class Values(modelport.Model):
    """Typed values, from JSON, a form or the query string."""

    def predict(
        self,
        text: str = "",
        number: Annotated[int, Field(ge=0, le=1000)] = 1,
        flag: bool = False,
        ratio: float = 1.0,
        at: datetime | None = None,
        matrix: list[list[float]] | None = None,
        anything: Any = None,
    ) -> dict[str, Any]:
        RUNS["values"] += 1
        return {"runs": RUNS["values"], "text": text, "number": number, "ratio": ratio, "anything": anything}


class Files(modelport.Model):
    """Typed files; says what it was given, and what lies on the disk."""

    def predict(
        self, file: modelport.File, second: modelport.File | None = None, more: list[modelport.File] = []
    ) -> dict[str, Any]:
        return {
            "bytes": file.path.stat().st_size,
            "filename": file.filename,
            "content_type": file.content_type,
            "on_disk": file.path.name,
            "mode": oct(file.path.parent.stat().st_mode & 0o777),
            "others": [f.filename for f in [second, *more] if f is not None],
        }


class Returns(modelport.Model):
    """Answers that are the client's own bytes, under the client's own name."""

    def predict(self, file: modelport.File) -> modelport.File:
        return file


class Pictures(modelport.Model):
    def predict(self, image: modelport.Image) -> dict[str, int]:
        return {"width": image.width, "height": image.height}


class Pixels(modelport.Model):
    """Decodes a picture, which only then shows its damage."""

    def predict(self, image: modelport.Image) -> list[int]:
        return list(image.array("L").shape)


class Unprintable:
    """Raises when anybody looks at it."""

    def __repr__(self) -> str:
        raise ValueError("no words for this")


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append({"again": value})
    return value


OUTPUTS: dict[str, Any] = {
    "nan": lambda: float("nan"),
    "infinity": lambda: [float("-inf"), {"x": float("inf")}],
    "numpy": lambda: {
        "scalar": numpy.float32(0.5),
        "array": numpy.array([[1, 2]]),
        "nan": numpy.float64("nan"),
    },
    "bytes inside": lambda: {"raw": b"\xff"},
    "large integer": lambda: 2**70,
    "object": object,
    "set": lambda: {1},
    "keys": lambda: {1: "a", None: "b", (1, 2): "c"},
    "long": lambda: "x" * (20 << 20),
    "cycle": cycle,
    "deep": lambda: nested(100_000),
    "surrogate": lambda: "\ud800",
    "surrogate key": lambda: {"\udfff": 1},
    "unprintable": lambda: [Unprintable()],
}


class Outputs(modelport.Model):
    """Answers that JSON cannot carry, or hardly, by name."""

    def predict(self, which: str) -> Any:
        return OUTPUTS[which]()


class Unprintably(Exception):
    def __str__(self) -> str:
        raise ValueError("no words for this")


def too_deep() -> None:
    too_deep()


def leave() -> None:
    sys.exit("bye")


def interrupt() -> None:
    raise KeyboardInterrupt


def unprintable() -> None:
    raise Unprintably


def stop() -> None:
    raise StopIteration(5)


ENDINGS = {f.__name__: f for f in (too_deep, leave, interrupt, unprintable, stop)}


class Raises(modelport.Model):
    """Ends in ways that are no `Exception`, or no printable one."""

    def predict(self, how: str) -> Any:
        ENDINGS[how]()


class Headers(modelport.Model):
    def predict(self, name: str, value: str) -> Any:
        raise modelport.HTTPError(418, f"no tea for {value}", {name: value})


class Fails(modelport.Model):
    """Raises what the client says."""

    def predict(self, words: str) -> dict[str, Any]:
        raise ValueError(words)


PIECES = {
    "newlines": ["a\n\nb", "c\r\rd", "e\r\nevent: error\r\n\r\nf"],
    "fields": ["data: x", "event: done\nid: 7", ": comment"],
    "nul": ["a\0b", "\ufeffbom"],
    "surrogate": ["\ud800"],
    "bytes": [b"\xff\n\n\xfe"],
}


class Streams(modelport.Model):
    """Yields what breaks naive event streams, or fails midway."""

    def predict(self, which: str) -> Iterator[Any]:
        yield "first"
        yield from PIECES.get(which, [])
        if which == "raises":
            raise ValueError("midway\r\n\r\nevent: forged\r\ndata: x")
        if which == "too large":
            yield "x" * (17 << 20)
        yield "last"


class Legacy:
    """A DEEPaaS model with webargs arguments."""

    def get_predict_args(self) -> dict[str, Any]:
        return {
            "text": fields.Str(load_default=""),
            "number": fields.Int(load_default=1, validate=validate.Range(0, 1000)),
            "several": fields.List(fields.Int(), load_default=[]),
            "link": fields.Url(load_default="http://localhost/"),
            "data": fields.Field(
                load_default=None, metadata={"type": "file", "location": "form"}, allow_none=True
            ),
        }

    def get_metadata(self) -> dict[str, Any]:
        return {"name": "legacy"}

    def predict(self, **kwargs: Any) -> Any:
        data = kwargs.pop("data")
        upload = None
        if data is not None:
            upload = [data.name, data.original_filename, data.content_type]
        return {**kwargs, "upload": upload}


class Loud(modelport.Model):
    """Prints what the client says."""

    def predict(self, words: str) -> str:
        print(words, file=sys.stderr)
        return "said"
