"""A small typed model: a few numbers in, a label out."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

import modelport


class Answer(BaseModel):
    label: str
    score: float


class Small(modelport.Model):
    """Adds numbers and says whether they are many."""

    def predict(self, values: list[float], threshold: Annotated[float, Field(ge=0, le=100)] = 10.0) -> Answer:
        score = sum(values)
        return Answer(label="many" if score > threshold else "few", score=score)
