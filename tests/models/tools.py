"""Models that are used as tools of assistants: each answers something of another kind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

import modelport

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass
class Sum:
    """What two numbers come to."""

    total: float
    words: list[str]


class Adds(modelport.Model):
    """Adds two numbers."""

    def predict(self, a: float, b: Annotated[float, Field(description="the other one", ge=0)] = 1.0) -> Sum:
        return Sum(a + b, ["plus"])

    def train(self, epochs: int = 1) -> dict[str, int]:
        """Counts."""
        return {"epochs": epochs}


class Names(modelport.Model):
    """Answers a list, which is no object."""

    def predict(self, n: int = 2) -> list[str]:
        return [f"name {number}" for number in range(n)]


class Draws(modelport.Model):
    """Draws a pixel."""

    def predict(self) -> modelport.Image:
        from io import BytesIO

        from PIL import Image

        return Image.open(BytesIO(PIXEL))  # pyright: ignore[reportReturnType]


class Packs(modelport.Model):
    """Measures a file, and answers with another."""

    def predict(self, file: modelport.File, size: int = 0) -> bytes:
        return file.read()[::-1] + bytes(size)


class Counts(modelport.Model):
    """Counts, one number after the other."""

    def predict(self, most: int = 3) -> Iterator[int]:
        yield from range(most)


class Waits(modelport.Model):
    """Waits for ever, and notes that it was called off."""

    async def predict(self, note: str) -> str:
        try:
            Path(note).with_suffix(".begun").touch()
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            Path(note).touch()
            raise
        return "never"


class Fails(modelport.Model):
    """Fails."""

    def predict(self) -> int:
        raise RuntimeError("out of luck")
