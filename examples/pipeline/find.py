"""Finds the digit on a larger picture. Serve it with `modelport serve examples/pipeline/find.py`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

import modelport

MIN_CONTRAST = 16  # of 255: less is an empty sheet
NOISE = 0.4  # of the strongest stroke: paler is paper
JOINED = 2  # pixels between strokes of one digit that do not touch
MARGIN = 4  # pixels around what is found


class Found(BaseModel):
    """Where the digit is, as left, top, right and bottom, and its grey values there, dark on light."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    box: tuple[int, int, int, int]
    pixels: np.ndarray


class Find(modelport.Model):
    """Finds the largest thing that is drawn on a picture."""

    metadata: ClassVar[dict[str, Any]] = {"author": "The modelport authors", "license": "Apache-2.0"}

    def predict(self, image: modelport.Image) -> Found:
        grey = image.array("L").astype(np.float32)
        ink = np.abs(grey - np.median(grey))
        if ink.max() < MIN_CONTRAST:
            raise modelport.HTTPError(422, "there is nothing on the picture")
        drawn = ink > NOISE * ink.max()
        parts, count = ndimage.label(ndimage.binary_dilation(drawn, iterations=JOINED))
        weights = ndimage.sum_labels(ink * drawn, parts, range(1, count + 1))
        rows, columns = ndimage.find_objects(parts)[int(np.argmax(weights))]
        top, left = max(rows.start - MARGIN, 0), max(columns.start - MARGIN, 0)
        bottom, right = min(rows.stop + MARGIN, grey.shape[0]), min(columns.stop + MARGIN, grey.shape[1])
        pixels = 255 - 255 * ink[top:bottom, left:right] / ink.max()
        return Found(box=(left, top, right, bottom), pixels=pixels.astype(np.uint8))
