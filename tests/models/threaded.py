"""Models whose plain `predict` runs in threads of one worker, and tell by what happens that it does."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import modelport

THREADS = 8
SECONDS = 30

seen: Counter[str] = Counter()
_changed = threading.Condition()


def happened(what: str) -> None:
    """Count it, and tell who waits for it."""
    with _changed:
        seen[what] += 1
        _changed.notify_all()


def until(what: str, times: int) -> None:
    """Wait until it has happened so many times."""
    with _changed:
        if not _changed.wait_for(lambda: seen[what] >= times, SECONDS):
            raise TimeoutError(f"{what} has happened {seen[what]} times, and not {times}")


class Meets(modelport.Model):
    """Waits for others, and does what it is asked."""

    max_concurrency = THREADS

    def predict(
        self,
        do: Literal["meet", "count", "loop", "die", "sleep", "search", "fail", "pid"] = "count",
        name: str = "",
        others: int = 0,
    ) -> int:
        return getattr(self, do)(name, others)

    def meet(self, name: str, others: int) -> int:
        happened(name)
        until(name, others)
        return others

    def count(self, name: str, others: int) -> int:
        until(name, others)
        return seen[name]

    def loop(self, name: str, others: int) -> int:
        """Python: what may be interrupted."""
        happened(f"{name} began")
        try:
            while not seen[name]:
                time.sleep(0.01)
        except BaseException as error:
            happened(f"{name} ended by {type(error).__name__}")
            raise
        return others

    def die(self, name: str, others: int) -> int:
        until(name, others)
        os._exit(7)

    def sleep(self, name: str, others: int) -> int:
        """C, which lets the other threads go on."""
        happened(f"{name} began")
        time.sleep(others)
        return others

    def search(self, name: str, others: int) -> int:
        """C, which keeps all of Python waiting."""
        print("it searches", flush=True)
        return len(re.findall("(a+)+b", "a" * others))

    def fail(self, name: str, others: int) -> int:
        raise ValueError("it does not work")

    def pid(self, name: str, others: int) -> int:
        return os.getpid()


class Streams(modelport.Model):
    """Yields when all have begun; or tells how many pieces there were when they have ended."""

    max_concurrency = THREADS

    def predict(
        self,
        name: str = "s",
        others: int = 1,
        pieces: int = 3,
        size: int = 1,
        fail: bool = False,
        tell: bool = False,
    ) -> Iterator[str]:
        if tell:
            until(f"{name} closed", others)
            yield str(seen[f"{name} piece"])
            return
        happened(f"{name} began")
        until(f"{name} began", others)
        try:
            for number in range(pieces):
                happened(f"{name} piece")
                yield f"{number}" * size
            if fail:
                raise ValueError("it does not work")
        finally:
            happened(f"{name} closed")


class OneStream(Streams):
    """The same, one by one."""

    max_concurrency = 1


class Awaits(modelport.Model):
    """A plain function whose result is to be awaited, or yields so, in the event loop of `setup`."""

    max_concurrency = THREADS

    async def setup(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.cancelled = 0

    def predict(self, do: Literal["wait", "answer", "tell"] = "answer") -> Any:
        return getattr(self, do)()

    async def answer(self) -> bool:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is self.loop

    async def wait(self) -> None:
        happened("awaited")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            happened("await cancelled")
            raise

    def tell(self) -> int:
        until("await cancelled", 1)
        return seen["awaited"]


class AwaitsPieces(modelport.Model):
    """A plain function that returns what yields asynchronously."""

    max_concurrency = THREADS

    def predict(self, pieces: int = 2) -> AsyncIterator[int]:
        return self.pieces(pieces)

    async def pieces(self, pieces: int) -> AsyncIterator[int]:
        for number in range(pieces):
            await asyncio.sleep(0)
            yield number


class Rows(modelport.Model):
    """Counts rows."""

    max_concurrency = 2

    def predict(self, table: modelport.Table) -> int:
        return len(table.rows)


class One(modelport.Model):
    """Says nothing of how many: one at a time, unless somebody else says it."""

    running = most = 0

    def predict(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        time.sleep(0.1)  # in which all others have come
        self.running -= 1
        return self.most


class Asks(modelport.Model):
    """Asks another model, which answers when all have asked it."""

    max_concurrency = THREADS

    def predict(self, others: int) -> int:
        return modelport.model("meets").predict(do="meet", name="asked", others=others)


class Trains(modelport.Model):
    """Trains and predicts, also as a job."""

    max_concurrency = THREADS

    def predict(self, others: int = 3) -> int:
        return others

    def train(self, epochs: int = 2) -> int:
        return epochs


class Plain:
    """An object without hints."""

    max_concurrency = THREADS

    def predict(self, name: Any = "plain", others: Any = 1) -> Any:
        happened(name)
        until(name, others)
        return others


plain = Plain()
