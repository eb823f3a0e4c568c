"""Models that return every kind of value, raise every kind of exception, or stream."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import io
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from webargs import fields, validate

import modelport

BLOB = b"\x89PNG\r\n\x1a\n and the rest"


@dataclasses.dataclass
class Box:
    left: int
    label: Path


class Colour(enum.Enum):
    RED = "red"


def open_file(content: bytes) -> Any:
    path = Path(tempfile.mkdtemp()) / "picture of é.png"
    path.write_bytes(content)
    return path.open("rb")


def at_its_end() -> io.BytesIO:
    buffer = io.BytesIO()
    buffer.write(BLOB)
    return buffer


VALUES: dict[str, Any] = {
    "dict": lambda: {"a": 1, "b": [1.5, None, True], "c": {"d": "é ☃"}},
    "list": lambda: [1, 2],
    "str": lambda: "just text",
    "number": lambda: 0.25,
    "bool": lambda: True,
    "none": lambda: None,
    "tuple": lambda: (1, (2, 3)),
    "set": lambda: {5},
    "huge": lambda: 2**70,
    "numpy scalars": lambda: [np.float32(0.5), np.int64(7), np.bool_(True), np.str_("s")],
    "numpy arrays": lambda: {"a": np.arange(6).reshape(2, 3), "empty": np.zeros((0,))},
    "numpy nan": lambda: np.array([1.0, np.nan, np.inf]),
    "numpy datetime": lambda: np.datetime64("2020-02-29T01:02:03"),
    "nan": lambda: {"a": float("nan"), "b": [float("inf"), float("-inf")]},
    "dates": lambda: [
        datetime.datetime(2020, 2, 29, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2020, 2, 29),
        datetime.time(1, 2, 3),
    ],
    "decimal": lambda: Decimal("1.50"),
    "uuid": lambda: uuid.UUID(int=5),
    "path inside": lambda: [Path("/tmp/x")],
    "dataclass": lambda: Box(1, Path("l")),
    "enum": lambda: [Colour.RED],
    "keys": lambda: {1: "a", (1, 2): "b", None: "c", datetime.date(2020, 2, 29): "e"},
    "object": lambda: [complex(1, 2)],
    "bytes": lambda: BLOB,
    "bytearray": lambda: bytearray(BLOB),
    "bytesio": at_its_end,
    "file": lambda: open_file(BLOB),
    "path": lambda: Path(open_file(BLOB).name),
    "large": lambda: b"x" * 3_000_000,
    "large file": lambda: open_file(b"y" * 3_000_000),
    "generator": lambda: (i for i in range(3)),
    "no such path": lambda: Path("/no/such/file"),
}


class Returns:
    """No schema: whatever it returns is wrapped, if it is JSON."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"what": fields.Str(required=True)}

    def predict(self, what: str) -> Any:
        return VALUES[what]()


class ReturnsMedia(Returns):
    """The same values, under the media type that the client asked for."""

    def get_predict_args(self) -> dict[str, Any]:
        choices = ["application/json", "image/png", "application/pdf"]
        return super().get_predict_args() | {"accept": fields.Str(validate=validate.OneOf(choices))}

    def predict(self, what: str, accept: str) -> Any:
        return VALUES[what]()


class Awaited:
    """An asynchronous predict."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"text": fields.Str(missing="")}

    async def predict(self, text: str) -> Any:
        await asyncio.sleep(0)
        return text.upper()


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def failure(how: str) -> BaseException:
    from aiohttp import web
    from starlette.exceptions import HTTPException as StarletteError
    from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

    return {
        "aiohttp": lambda: web.HTTPConflict(reason="busy here", headers={"X-Why": "work"}),
        "aiohttp text": lambda: web.HTTPBadRequest(text="the picture is too dark"),
        "aiohttp redirect": lambda: web.HTTPFound("/elsewhere"),
        "starlette": lambda: StarletteError(409, "busy there", {"X-Why": "work"}),
        "werkzeug": lambda: TooManyRequests("too fast", retry_after=7),
        "werkzeug bare": ServiceUnavailable,
        "ours": lambda: modelport.HTTPError(418, "no tea", {"X-Why": "pot", "Content-Length": "9"}),
        "ours bare": lambda: modelport.HTTPError(404),
        "not implemented": NotImplementedError,
        "value": lambda: ValueError("a secret is 42"),
        "no message": KeyError,
        "broken": Broken,
        "exit": lambda: SystemExit(3),
    }[how]()


class Raises:
    def get_predict_args(self) -> dict[str, Any]:
        return {"how": fields.Str(required=True)}

    def predict(self, how: str) -> Any:
        print(f"about to raise {how}")
        print("to stderr", file=sys.stderr)
        raise failure(how)


class Events:
    """Streams by nothing but being a generator."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"fail": fields.Bool(missing=False)}

    def predict(self, fail: bool) -> Iterator[Any]:
        yield "first line\nsecond line"
        yield {"number": np.float64(1.5)}
        if fail:
            raise ValueError("a secret is 42")


class TypedEvents(modelport.Model):
    async def predict(self, count: int = 2) -> AsyncIterator[dict[str, int]]:
        for number in range(count):
            await asyncio.sleep(0)
            yield {"number": number}


class Unannounced(modelport.Model):
    """Yields, and says so nowhere."""

    def predict(self, count: int = 2):
        for number in range(count):
            if number == 7:
                raise ValueError("a secret is 42")
            yield number


class TypedBytes(modelport.Model):
    def predict(self, fail: bool = False) -> Iterator[bytes]:
        yield b"\x00\x01"
        if fail:
            raise ValueError("a secret is 42")
        yield b"\x02"


class Slow:
    """Takes as long as it is told; leaves a mark when it has begun."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"seconds": fields.Float(missing=0.0), "mark": fields.Str(missing="")}

    def predict(self, seconds: float, mark: str) -> Any:
        if mark:
            with Path(mark).open("w") as pipe:  # a named pipe: whoever reads it is told that work has begun
                pipe.write(str(os.getpid()))
        time.sleep(seconds)
        return "done"
