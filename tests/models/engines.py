"""Models with an engine of their own: tasks and queues that are made before the first call."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import modelport


class Engine:
    """Answers what is asked of its queue, in a task of the event loop that started it."""

    def __init__(self) -> None:
        self.questions: asyncio.Queue[tuple[str, asyncio.Future[str]]] = asyncio.Queue()
        self.task = asyncio.create_task(self._work())

    async def ask(self, question: str) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await self.questions.put((question, answer))
        return await answer

    async def _work(self) -> None:
        try:
            while True:
                question, answer = await self.questions.get()
                if not answer.done():
                    answer.set_result(f"{question.upper()} in {os.getpid()}")
        finally:
            print("the engine has ended", flush=True)


class SetUp(modelport.Model):
    """Its engine is started by `setup`, and `warm` asks it already."""

    engine: Engine
    warmed = ""

    async def setup(self) -> None:
        self.engine = Engine()

    async def warm(self) -> None:
        self.warmed = await self.engine.ask("warm")

    async def predict(self, question: str = "q") -> str:
        return f"{await self.engine.ask(question)}, {self.warmed}"


class Yields(modelport.Model):
    """The same, piece by piece, of what `warm` has started; one call at a time."""

    max_concurrency = 1
    engine: Engine

    async def warm(self) -> None:
        self.engine = Engine()

    async def predict(self, pieces: int = 2) -> AsyncIterator[str]:
        for number in range(pieces):
            yield await self.engine.ask(f"piece {number}")


class Batches(modelport.Model):
    """Asks it for a batch, one batch after the other."""

    max_batch_size = 4
    engine: Engine

    async def setup(self) -> None:
        self.engine = Engine()

    async def predict(self, question: str = "q") -> str:
        raise NotImplementedError

    async def predict_batch(self, calls: list[dict[str, Any]]) -> list[str]:
        return [await self.engine.ask(call["question"]) for call in calls]


class Beats(modelport.Model):
    """Its task goes on while there are no calls, also where they run one by one."""

    max_concurrency = 1

    async def setup(self) -> None:
        self.task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        said = await asyncio.to_thread(Path("fifo").read_text)
        print(f"the engine was told to {said}", flush=True)

    async def predict(self) -> int:
        return 1


class Trains(modelport.Model):
    """Trains by its engine, in the process of the job; a version is loaded there, too."""

    engine: Engine
    loaded = ""

    async def load_model(self, path: Path) -> None:
        await asyncio.sleep(0)
        self.loaded = path.read_text()

    async def setup(self) -> None:
        self.engine = Engine()
        self.at_setup = self.loaded

    async def train(self) -> str:
        said = (await self.engine.ask("trained")).partition(" ")[0]
        path = Path("saved.txt")
        path.write_text(said)
        modelport.current_job().save_model(path)
        return said

    async def predict(self) -> str:
        return f"{self.at_setup}, {(await self.engine.ask('asked')).partition(' ')[0]}"


class CannotStart(modelport.Model):
    """Its engine does not start."""

    async def setup(self) -> None:
        raise RuntimeError("no device")

    async def predict(self) -> int:
        return 1


class Other:
    """Its `setup` is something of its own."""

    def setup(self, stage: Any) -> None:
        raise AssertionError

    def predict(self, number: int) -> int:
        return number + 1


other = Other()
