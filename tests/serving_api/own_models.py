"""Models as a program has them in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import BaseModel, Field

import modelport


class Reading(BaseModel):
    """A typed answer."""

    label: str
    score: float = Field(ge=0)


class Typed(modelport.Model):
    """Written for modelport."""

    def __init__(self, factor: float = 2.0):
        self.factor = factor

    def predict(self, x: int, label: str = "none") -> Reading:
        """Multiply."""
        return Reading(label=label, score=x * self.factor)

    async def stream(self, pieces: AsyncIterator[int]) -> AsyncIterator[float]:
        """Multiply what comes."""
        async for piece in pieces:
            yield piece * self.factor

    def train(self, epochs: int = 1) -> dict[str, int]:
        """Count."""
        return {"epochs": epochs}


class Plain:
    """Any object with predict()."""

    def predict(self, x: int):
        return x + 1


class Broken:
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("the weights are missing")

    def predict(self, x: int) -> int:
        return x


def double(x: int) -> int:
    """A function is a model, too."""
    return 2 * x
