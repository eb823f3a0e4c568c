"""The local engine: every model's workers as supervised processes of this machine."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Sequence

from modelport.engine.pool import ModelPool
from modelport.engine.spool import Spool
from modelport.settings import Settings
from modelport.sources.source import Source

log = logging.getLogger("modelport.engine")


class LocalEngine:
    """All models of a server. `start` it in a running event loop, `stop` it in the same one."""

    def __init__(self, sources: Sequence[Source], settings: Settings):
        self.sources = list(sources)
        self.settings = settings
        self.spool = Spool(settings.spool_dir)
        self.pools: dict[str, ModelPool] = {}
        self.instance = secrets.token_hex(4)  # part of every request id, so that restarts differ
        self._numbers = itertools.count(1)
        self.on_state: Callable[[ModelPool], None] | None = None  # told of each change of a model's state

    async def start(self) -> None:
        """Start every model's workers; returns before they are ready. Raises `OSError` for the spool."""
        await asyncio.to_thread(self.spool.open)
        for source in self.sources:
            pool = ModelPool(source, self.settings, self.spool, self._tell)
            self.pools[source.name] = pool
            pool.start()

    def _tell(self, pool: ModelPool) -> None:
        if self.on_state is not None:
            self.on_state(pool)

    def next_id(self) -> int:
        """A number for a call, unique in this server."""
        return next(self._numbers)

    def request_id(self, call_id: int) -> str:
        """The name of a call in answers and in the log: restarts of the server do not repeat it."""
        return f"{self.instance}-{call_id:x}"

    def ready(self) -> bool:
        """True when every model can answer."""
        return bool(self.pools) and all(pool.state == "ready" for pool in self.pools.values())

    async def settled(self) -> None:
        """Wait until each model is ready or has failed."""
        for pool in self.pools.values():
            await pool.settled.wait()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls, wait for those that run. False if some were left at the end."""
        done = await asyncio.gather(*(pool.drain(seconds) for pool in self.pools.values()))
        return all(done)

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker and remove every temporary file. `at_once` gives the workers no time."""
        await asyncio.gather(*(pool.stop(at_once=at_once) for pool in self.pools.values()))
        await asyncio.to_thread(self.spool.close)
