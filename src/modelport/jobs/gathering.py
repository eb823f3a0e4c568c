"""What is asked for one by one and is done for many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

One = TypeVar("One")
Result = TypeVar("Result")


class Gathering(Generic[One, Result]):
    """Does what is asked for together with all that was asked for while it was busy.

    `act` does it, and returns what each of those who have asked gets, in their order; what it raises all of
    them get. At most `most` are done in a round; nobody waits longer than for those before it, and its own.
    """

    def __init__(self, act: Callable[[Sequence[One]], Awaitable[Sequence[Result]]], most: int):
        self._act = act
        self._most = most
        self._waiting: list[tuple[One, asyncio.Future[Result]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def do(self, one: One) -> Result:
        """Have it done. Cancelling this does not undo it."""
        asked: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, asked))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round())
        return await asked

    async def _go_round(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._round(now)
        finally:
            self._rounds = None

    async def _round(self, now: list[tuple[One, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._act([one for one, _ in now])
        except Exception as error:  # the border to those who have asked: each gets it
            for _, asked in now:
                if not asked.done():
                    asked.set_exception(error)
        else:
            for (_, asked), result in zip(now, results, strict=True):
                if not asked.done():
                    asked.set_result(result)
