"""Which models are in memory by somebody's word: one that is unloaded stays so until it is to be loaded."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any

from modelport.engine.ports import Engine, Pool, PoolState
from modelport.runs.errors import RunError
from modelport.runs.promotion import Promotions
from modelport.runs.versions import Versions


class Repository:
    """Loads and unloads models, one change of a model at a time. One for a server."""

    def __init__(self, engine: Engine, versions: Versions, promotions: Promotions):
        self.engine = engine
        self.versions = versions
        self.promotions = promotions
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()

    def pools(self, model: str) -> list[Pool]:
        """The pool of the live version of a model, and those of the others that are in memory."""
        return [self.engine.pools[model], *self.versions.beside(model)]

    async def load(self, model: str) -> None:
        """Load a model that is unloaded or has failed, and wait until it can answer. Raises `RunError`.

        Its versions beside the live one are loaded by their next call.
        """
        await self._finished(self._load(model))

    async def unload(self, model: str) -> None:
        """Let the calls of a model and its versions end, and give their memory back. Raises `RunError`."""
        await self._finished(self._unload(model))

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finished(self, change: Coroutine[Any, Any, None]) -> None:
        """Wait for a change, which goes on if nobody waits any more."""
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _load(self, model: str) -> None:
        async with self._changing[model]:
            self._check_running()
            first, *others = self.pools(model)
            first.load()
            for pool in others:
                pool.load(now=False)
            await first.settled.wait()
            if first.state is PoolState.FAILED:
                raise RunError(503, f"the model {model!r} could not be loaded: {first.error}")

    async def _unload(self, model: str) -> None:
        async with self._changing[model]:
            self._check_running()
            if self.promotions.is_moving(model):
                raise RunError(409, f"a version of {model!r} is becoming live; unload it when that is done")
            seconds = self.engine.settings.drain_timeout
            for _ in range(2):  # a version may begin to load in the moment before its model begins to leave
                await asyncio.gather(*(pool.unload(seconds) for pool in self.pools(model)))

    def _check_running(self) -> None:
        if self.engine.draining:
            raise RunError(503, "the server is stopping", retry_after=1)
