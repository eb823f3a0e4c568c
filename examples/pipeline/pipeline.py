"""Reads the digit on a larger picture by asking three other models.

Serve it with them: `modelport serve examples/pipeline/{pipeline,find,measure}.py examples/digits/digits.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from pydantic import BaseModel

import modelport

HERE = Path(__file__).parent
# Where the models are is for notebooks and tests: a server has models of these names.
find = modelport.model("find", source=str(HERE / "find.py"))
measure = modelport.model("measure", source=str(HERE / "measure.py"))
digits = modelport.model("digits", source=str(HERE.parent / "digits" / "digits.py"))


class Reading(BaseModel):
    """A digit, how sure that is, where it stands (left, top, right, bottom), and how it is written."""

    label: str
    probability: float
    box: tuple[int, int, int, int]
    ink: float
    slant: float


class Pipeline(modelport.Model):
    """Finds the digit on a picture, then reads and measures it at once."""

    metadata: ClassVar[dict[str, Any]] = {"author": "The modelport authors", "license": "Apache-2.0"}

    async def predict(self, image: modelport.Image) -> Reading:
        try:
            found = await find.predict_async(image=image)
        except modelport.ModelError as error:
            if error.status == 422:  # of what the client has sent, and not of this model
                raise modelport.HTTPError(422, error.detail) from error
            raise
        pixels: np.ndarray = found["pixels"]
        read, measured = await asyncio.gather(
            digits.predict_async(image=Image.fromarray(pixels), top=1),
            measure.predict_async(pixels=pixels),
        )
        best = read["predictions"][0]
        return Reading(label=best["label"], probability=best["probability"], box=found["box"], **measured)
