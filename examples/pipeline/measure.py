"""Measures how a digit is written. Serve it with `modelport serve examples/pipeline/measure.py`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

import modelport


class Measures(BaseModel):
    """`ink` is how much of its box is drawn, 0 to 1; `slant` how far it leans to the right, in degrees."""

    ink: float
    slant: float


class Measure(modelport.Model):
    """Measures what is drawn dark on light."""

    metadata: ClassVar[dict[str, Any]] = {"author": "The modelport authors", "license": "Apache-2.0"}

    def predict(self, pixels: NDArray[np.uint8]) -> Measures:
        if pixels.ndim != 2 or not pixels.size:
            raise modelport.HTTPError(422, "pixels are rows of grey values")
        ink = 1 - pixels.astype(np.float64) / 255
        total = float(ink.sum())
        if not total:
            return Measures(ink=0, slant=0)
        down, right = np.indices(ink.shape)
        down = down - (ink * down).sum() / total
        right = right - (ink * right).sum() / total
        upright = float((ink * down * down).sum())
        lean = float((ink * down * right).sum()) / upright if upright else 0.0
        return Measures(ink=round(float(ink.mean()), 3), slant=round(math.degrees(math.atan(-lean)), 1))
