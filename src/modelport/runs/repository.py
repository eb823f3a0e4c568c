"""Which models are in memory by somebody's word: one that is unloaded stays so until it is to be loaded.

Of a server with several processes all load and unload it, those as well that are started later; who has asked
for it is answered once all have.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any

import msgspec

from modelport.engine.ports import Engine, Pool, PoolState
from modelport.runs.errors import RunError
from modelport.runs.promotion import Promotions
from modelport.runs.versions import Versions
from modelport.siblings import Siblings

log = logging.getLogger("modelport.runs")

TOPIC, DONE = "repository", "repository done"  # what processes tell, and ask: has it been done?
ALL_SECONDS = 5.0  # for all to say that it is done, beyond what it may take one


class _Said(msgspec.Struct, array_like=True):
    """That a model was loaded or unloaded at another process of this server."""

    model: str
    is_loaded: bool


class Repository:
    """Loads and unloads models, one change of a model at a time. One for a server."""

    def __init__(self, engine: Engine, versions: Versions, promotions: Promotions):
        self.engine = engine
        self.versions = versions
        self.promotions = promotions
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._siblings: Siblings | None = None

    def share(self, siblings: Siblings) -> None:
        """Tell other processes of this server what is loaded and unloaded, and do as they tell."""
        self._siblings = siblings
        siblings.hear(TOPIC, self._heard)
        siblings.answer(DONE, self._done)

    def pools(self, model: str) -> list[Pool]:
        """The pool of the live version of a model, and those of the others that are in memory."""
        return [self.engine.pools[model], *self.versions.beside(model)]

    async def load(self, model: str) -> None:
        """Load a model that is unloaded or has failed, and wait until it can answer. Raises `RunError`.

        Its versions beside the live one are loaded by their next call.
        """
        self._tell(model, is_loaded=True)
        await self._finished(self._load(model))
        if failed := await self._done_by_all(model, self.engine.pools[model].settings.load_timeout):
            raise RunError(503, f"the model {model!r} is not loaded in another server process: {failed}")

    async def unload(self, model: str) -> None:
        """Let the calls of a model and its versions end, and give their memory back. Raises `RunError`."""
        self._check_still(model)
        self._tell(model, is_loaded=False)
        await self._finished(self._unload(model))
        await self._done_by_all(model, self.engine.settings.drain_timeout)

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tell(self, model: str, *, is_loaded: bool) -> None:
        if self._siblings is not None and not self.engine.draining:
            body = msgspec.msgpack.encode(_Said(model, is_loaded))
            self._siblings.say(TOPIC, body, kept_as=model)

    async def _done_by_all(self, model: str, seconds: float) -> str:
        """Wait until all have followed; why one of them could not. Who does not answer will do it later."""
        if self._siblings is None:
            return ""
        told = await self._siblings.ask(DONE, model.encode(), seconds=seconds + ALL_SECONDS)
        return next((body.decode() for body in told.bodies if body), "")

    async def _done(self, body: bytes) -> bytes:
        """Answer once what was told before is done: why it could not be, if so."""
        model = body.decode()
        if model not in self.engine.pools:
            return b""
        async with self._changing[model]:
            pool = self.engine.pools[model]
            return (pool.error or "").encode() if pool.state is PoolState.FAILED else b""

    def _heard(self, body: bytes | None) -> None:
        """Do as another process does. What was missed is left: who asks next tells all of it again."""
        if body is None:
            return
        said = msgspec.msgpack.decode(body, type=_Said)
        if said.model in self.engine.pools:
            self._do(self._followed(said))

    async def _followed(self, said: _Said) -> None:
        try:
            await (self._load(said.model) if said.is_loaded else self._unload(said.model))
        except RunError as error:
            what = "loaded" if said.is_loaded else "unloaded"
            log.warning("%s: it is not %s here as in another server process: %s", said.model, what, error)

    def _do(self, change: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _finished(self, change: Coroutine[Any, Any, None]) -> None:
        """Wait for a change, which goes on if nobody waits any more."""
        await asyncio.shield(self._do(change))

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
            self._check_still(model)
            seconds = self.engine.settings.drain_timeout
            for _ in range(2):  # a version may begin to load in the moment before its model begins to leave
                await asyncio.gather(*(pool.unload(seconds) for pool in self.pools(model)))

    def _check_still(self, model: str) -> None:
        if self.promotions.is_moving(model):
            raise RunError(409, f"a version of {model!r} is becoming live; unload it when that is done")

    def _check_running(self) -> None:
        if self.engine.draining:
            raise RunError(503, "the server is stopping", retry_after=1)
