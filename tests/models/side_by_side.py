"""Models whose calls run side by side in one worker, and tell by what happens between them that they do."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Literal

import modelport

Does = Literal["meet", "count", "wait", "die", "block", "fail"]

seen: Counter[str] = Counter()
_changed: dict[str, asyncio.Event] = {}


def happened(what: str) -> None:
    """Count it, and tell who waits for it."""
    seen[what] += 1
    _changed.setdefault(what, asyncio.Event()).set()


async def until(what: str, times: int) -> None:
    """Wait until it has happened so many times."""
    while seen[what] < times:
        event = _changed.setdefault(what, asyncio.Event())
        event.clear()
        await event.wait()


class Meets(modelport.Model):
    """Waits for others, and does what it is asked."""

    running = 0

    async def predict(
        self,
        do: Literal["meet", "count", "wait", "die", "block", "fail", "cancelled"] = "count",
        name: str = "",
        others: int = 0,
    ) -> int:
        self.running += 1
        try:
            return await getattr(self, do)(name, others)
        finally:
            self.running -= 1

    async def meet(self, name: str, others: int) -> int:
        happened(name)
        await until(name, others)
        return others

    async def count(self, name: str, others: int) -> int:
        await until(name, others)
        return seen[name]

    async def wait(self, name: str, others: int) -> int:
        happened(f"{name} began")
        try:
            await until(name, 1)
        except asyncio.CancelledError:
            happened(f"{name} was cancelled")
            raise
        return self.running

    async def die(self, name: str, others: int) -> int:
        await until(f"{name} began", others)
        os._exit(7)

    async def block(self, name: str, others: int) -> int:
        time.sleep(others)  # noqa: ASYNC251 - as models must not
        return 0

    async def cancelled(self, name: str, others: int) -> int:
        engine = asyncio.create_task(asyncio.Event().wait())
        engine.cancel()
        await engine
        return others

    async def fail(self, name: str, others: int) -> int:
        await asyncio.sleep(0)
        raise ValueError("it does not work")


class Two(modelport.Model):
    """At most two at once."""

    max_concurrency = 2
    running = most = 0

    async def predict(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.1)  # in which all others have come
        self.running -= 1
        return self.most


class Streams(modelport.Model):
    """Yields when all have begun."""

    async def predict(
        self, name: str = "s", others: int = 1, pieces: int = 3, size: int = 1, tell: bool = False
    ) -> AsyncIterator[str]:
        if tell:
            await until(f"{name} closed", others)
            yield str(seen[f"{name} piece"])
            return
        happened(f"{name} began")
        await until(f"{name} began", others)
        try:
            for number in range(pieces):
                happened(f"{name} piece")
                yield f"{number}" * size
                await asyncio.sleep(0)
        finally:
            happened(f"{name} closed")


class Plain:
    """An object whose `predict` is asynchronous, without hints."""

    async def predict(self, name: Any = "plain", others: Any = 1) -> Any:
        happened(name)
        await until(name, others)
        return others


class Trains(modelport.Model):
    """Trains and predicts asynchronously, also as a job."""

    async def predict(self, others: int = 3) -> int:
        await asyncio.sleep(0)
        return others

    async def train(self, epochs: int = 2) -> int:
        await asyncio.sleep(0)
        return epochs


plain = Plain()
