"""Typed models whose hints name arrays, frames, tensors and pictures, and some that no client could use."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeAliasType

import modelport

One = TypeVar("One")
# As `type Points = np.ndarray` and `type Pairs[One] = list[tuple[int, One]]` since Python 3.12.
Points = TypeAliasType("Points", np.ndarray)
Pairs = TypeAliasType("Pairs", list[tuple[int, One]], type_params=(One,))
HALF, ONE, NO = np.float64(0.5), np.int64(1), np.bool_(False)


class Takes(modelport.Model):
    """Says what it got: class, type and values."""

    def predict(
        self,
        array: np.ndarray | None = None,
        floats: NDArray[np.float32] | None = None,
        like: ArrayLike | None = None,
        aliased: Points | None = None,
        pairs: Pairs[np.ndarray] = [],
        named: dict[str, np.ndarray] = {},
        several: list[np.ndarray] = [],
        number: np.float64 = HALF,
        count: np.int64 = ONE,
        flag: np.bool_ = NO,
        frame: pd.DataFrame | None = None,
        series: pd.Series | None = None,
        time: pd.Timestamp | None = None,
        lasts: pd.Timedelta | None = None,
        picture: Image.Image | None = None,
    ) -> dict[str, Any]:
        given = {name: value for name, value in locals().items() if name != "self" and value is not None}
        return {name: _told(value) for name, value in given.items()}


def _told(value: Any) -> Any:
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {str(name): _told(item) for name, item in items}
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, pd.DataFrame):
        return [type(value).__name__, value.to_dict(orient="list")]
    if isinstance(value, pd.Series):
        return [type(value).__name__, value.tolist()]
    return [type(value).__name__, str(value) if isinstance(value, (pd.Timestamp, pd.Timedelta)) else
            list(value.size) if isinstance(value, Image.Image) else
            value if isinstance(value, int) else value.item()]  # fmt: skip


class Box(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    corner: np.ndarray
    at: datetime.date


@dataclass
class Scores:
    values: list[float]
    names: list[str]


class Answers(modelport.Model):
    def predict(self, n: int = 3) -> np.ndarray:
        return np.arange(n) / np.arange(n)[::-1].clip(0, 1)


class Named(modelport.Model):
    def predict(self) -> dict[str, np.ndarray]:
        return {"a": np.eye(2)}


class Frames(modelport.Model):
    def predict(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2], "b": ["x", None]})


class Boxes(modelport.Model):
    def predict(self) -> list[Box]:
        return [Box(corner=np.array([1, 2]), at=datetime.date(2020, 2, 29))]


class Pictures(modelport.Model):
    def predict(self) -> Image.Image:
        return Image.new("L", (2, 1))


class Streams(modelport.Model):
    def predict(self) -> Iterator[np.ndarray]:
        yield np.array([1, 2])


class Engine:
    """Nothing that JSON could be."""


class TakesEngine(modelport.Model):
    def predict(self, engine: Engine) -> int:
        return 1


class AnswersEngine(modelport.Model):
    def predict(self) -> list[Engine]:
        return []


class TakesBox(modelport.Model):
    def predict(self, box: Box) -> int:
        return 1


class Trains(modelport.Model):
    def train(self, x: np.ndarray, engine: Engine | None = None) -> Path:
        return Path()
