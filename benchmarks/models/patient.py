"""Models that wait: for somebody slow, and between the pieces of a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import modelport


class Patient(modelport.Model):
    """Answers after a while."""

    async def predict(self, seconds: float = 0.05) -> float:
        await asyncio.sleep(seconds)
        return seconds


class Sleepy(modelport.Model):
    """Answers after a while, in which a thread of C waits."""

    max_concurrency = 8

    def predict(self, seconds: float = 0.1) -> float:
        time.sleep(seconds)
        return seconds


class Pieces(modelport.Model):
    """Yields piece by piece, as a language model does."""

    max_concurrency = 128

    async def predict(self, count: int = 20, seconds: float = 0.05) -> AsyncIterator[int]:
        for number in range(count):
            await asyncio.sleep(seconds)
            yield number
