"""The model of the Made-With-ML lesson in the typed contract, and some that fail or answer otherwise."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

import modelport

EXAMPLE = [
    {"text": "Transfer learning with transformers for self-supervised learning."},
    {"text": "Generative adversarial networks in both PyTorch and TensorFlow."},
]


class Text(BaseModel):
    text: str | None = Field(None, min_length=1)


def not_empty(texts: list[Text]) -> list[Text]:
    """The lesson's own validator."""
    if not texts:
        raise ValueError("List of texts to classify cannot be empty.")
    return texts


Texts = Annotated[list[Text], AfterValidator(not_empty), Field(json_schema_extra={"example": EXAMPLE})]


class Tagging(BaseModel):
    input_text: str | None
    predicted_tags: list[str]


class Tagged(BaseModel):
    predictions: list[Tagging]


class Tags(modelport.Model):
    """Tags of projects, by their words."""

    def predict(self, texts: Texts) -> Tagged:
        taggings = [
            Tagging(input_text=given.text, predicted_tags=["transformers"] * ("transf" in (given.text or "")))
            for given in texts
        ]
        return Tagged(predictions=taggings)


class Does(modelport.Model):
    """Does what it is told."""

    def predict(self, what: str = "", size: int = 1, ratio: Annotated[float, Field(ge=0, lt=2)] = 1.0) -> Any:
        if what == "fail":
            raise RuntimeError("a secret is 42")
        if what == "teapot":
            raise modelport.HTTPError(418, "I am a teapot", {"X-Tea": "yes"})
        if what == "busy":
            raise modelport.HTTPError(503, "busy", {"Retry-After": "7"})
        if what == "sleep":
            time.sleep(size)
        answers = {
            "nan": [float("nan"), 1.5],
            "list": [1] * size,
            "text": "x" * size,
            "object": {"label": "a", "n": 1.0},
            "nothing": None,
        }
        return answers.get(what, {"what": what})


class Pictures(modelport.Model):
    """One picture, or what is known of it."""

    def predict(self, accept: Literal["image/png", "application/json"] = "image/png") -> Any:
        from PIL import Image as pillow

        if accept == "application/json":
            return {"size": [1, 1]}
        buffer = io.BytesIO()
        pillow.new("L", (1, 1)).save(buffer, "PNG")
        return buffer


class Counts(modelport.Model):
    """A stream of numbers."""

    def predict(self, to: int = 3) -> Iterator[int]:
        yield from range(to)
