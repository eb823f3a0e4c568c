"""The versions of models that are loaded: on demand, kept in a bounded cache, warm before they are used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

from modelport.engine.ports import Engine, Pool, PoolState
from modelport.jobs.service import JobService
from modelport.runs.errors import RunError, no_version
from modelport.runs.records import Run
from modelport.runs.store import RunStore

log = logging.getLogger("modelport.runs")

IDLE_SECONDS = 0.1
Key = tuple[str, int]


class Versions:
    """Hands out the pools of versions. One for a server."""

    def __init__(self, engine: Engine, jobs: JobService, store: RunStore):
        self.engine = engine
        self.jobs = jobs
        self.store = store
        self._most = engine.settings.loaded_versions
        self._used: dict[Key, float] = {}
        self._pins: Counter[Key] = Counter()  # by what is live, or is to be, or has a share of the calls
        self._users: Counter[Key] = Counter()
        self._gone: set[Key] = set()
        self._loading: dict[Key, asyncio.Task[Pool]] = {}
        self._unloading: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def use(self, model: str, version: int) -> AsyncGenerator[Pool]:
        """The pool of a version, ready to answer and kept from being unloaded until the end.

        It is loaded first if need be. Raises `RunError` if there is no such version, it cannot be loaded, or
        there is no room for it now.
        """
        key = (model, version)
        self._users[key] += 1
        try:
            yield await self._ready(model, version)
        finally:
            _less(self._users, key)
            self._tidy()

    @contextlib.asynccontextmanager
    async def pinned(self, model: str, version: int) -> AsyncGenerator[Pool]:
        """As `use`, for a version that is to become live: there is always room for it."""
        self.pin(model, version)
        try:
            async with self.use(model, version) as pool:
                yield pool
        finally:
            self.unpin(model, version)

    def pin(self, model: str, version: int) -> None:
        """Keep a version loaded until `unpin`; there is always room for it."""
        self._pins[model, version] += 1

    def unpin(self, model: str, version: int) -> None:
        """See `pin`."""
        _less(self._pins, (model, version))
        self._tidy()

    def ready_pool(self, model: str, version: int) -> Pool | None:
        """The pool of a version that can answer now, which counts as a use of it; else `None`.

        A version stays loaded while it has a call.
        """
        key = (model, version)
        live = self.engine.pools.get(model)
        if live is None or live.version == version:
            return live
        pool = self.engine.versions.get(key)
        if pool is None or pool.state is not PoolState.READY or key in self._gone:
            return None
        self._used[key] = asyncio.get_running_loop().time()
        return pool

    def make_live(self, pool: Pool) -> None:
        """Let a version answer for its model; the one that did until now counts as just used."""
        before = self.engine.make_live(pool)
        self._used[before.name, before.version] = asyncio.get_running_loop().time()

    def is_used(self, model: str, version: int) -> bool:
        """True if a version is pinned, or a request is about it now."""
        pool = self.engine.versions.get((model, version))
        return self._is_kept((model, version)) or (pool is not None and not pool.is_idle)

    def _is_kept(self, key: Key) -> bool:
        return key in self._pins or key in self._users

    def forget(self, model: str, version: int) -> None:
        """Serve a version no longer: its run was removed."""
        self._gone.add((model, version))
        self._tidy()

    def loaded(self, model: str) -> set[int]:
        """The versions of a model that have workers now."""
        pools = [self.engine.pools[model], *self.engine.versions.values()]
        return {pool.version for pool in pools if pool.name == model and pool.state is PoolState.READY}

    def saved(self, run: Run) -> str:
        """Where the model that a run has saved is."""
        if run.source != "job":
            return run.saved
        return str((self.jobs.folders.artifacts(run.id) / run.saved).absolute())

    async def _ready(self, model: str, version: int) -> Pool:
        key = (model, version)
        live = self.engine.pools[model]
        if live.version == version and live.state is not PoolState.FAILED:
            return live
        if key in self._gone:
            raise no_version(model, version)
        pool = self.engine.versions.get(key)
        if pool is not None and pool.signature is not None and pool.state is not PoolState.FAILED:
            self._used[key] = asyncio.get_running_loop().time()
            return pool
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(model, version))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(task)

    async def _load(self, model: str, version: int) -> Pool:
        pool = self.engine.versions.get((model, version))
        if pool is not None and pool.state is PoolState.FAILED:
            self._remove((model, version))
            pool = None
        if pool is None:
            pool = await self._start(model, version)
        await pool.settled.wait()
        if pool.signature is None or pool.state is PoolState.FAILED:
            self.engine.drop_version(model, version)
            self._unload(pool)
            why = "the log of the server says why"  # with the paths that are no client's business
            raise RunError(503, f"version {version} of {model!r} could not be loaded; {why}")
        self._used[model, version] = asyncio.get_running_loop().time()
        return pool

    async def _start(self, model: str, version: int) -> Pool:
        saved = ""
        if version:
            run = await self.store.of_version(model, version)
            if run is None:
                raise no_version(model, version)
            saved = self.saved(run)
        self._make_room(model, version)
        source = self.engine.saved_source(model, saved)
        pool = self.engine.new_pool(source, version)
        log.info("%s: loading version %d", model, version)
        pool.start(1)
        return pool

    # -- the bound ---------------------------------------------------------------------------------

    def _make_room(self, model: str, version: int) -> None:
        """Unload the versions that were not used for longest. Raises `RunError` if all are in use."""
        wanted = (model, version)
        over = len(self.engine.versions) + 1 - max(self._most, 1)
        unused = self._unused()
        for key in unused[: max(over, 0)]:
            self._remove(key)
        if over > len(unused) and wanted not in self._pins:
            raise RunError(
                503, f"all {self._most} places for versions that are not live are in use now", retry_after=1
            )

    def _tidy(self) -> None:
        """Unload what is more than may be kept, and what is gone."""
        for key in self._unused():
            if key in self._gone:
                self._remove(key)
        over = max(len(self.engine.versions) - self._most, 0)
        for key in self._unused()[:over]:
            self._remove(key)
        too_many = len(self.engine.versions) > self._most or not self._gone.isdisjoint(self.engine.versions)
        if too_many and self._waiting is None and self._busy():
            self._waiting = asyncio.create_task(self._tidy_later())

    async def _tidy_later(self) -> None:
        """Tidy again once the versions that nobody keeps have had their last call."""
        for pool in self._busy():
            while not (
                self._is_kept((pool.name, pool.version)) or pool.is_idle or pool.state is PoolState.STOPPED
            ):
                await pool.drained()
                await asyncio.sleep(IDLE_SECONDS)  # until the answer is sent, too
        self._waiting = None
        self._tidy()

    def _busy(self) -> list[Pool]:
        """The pools that nobody keeps, but that have calls still. Who keeps one tidies at the end."""
        return [
            pool for key, pool in self.engine.versions.items() if not self._is_kept(key) and not pool.is_idle
        ]

    def _unused(self) -> list[Key]:
        """The versions that can be unloaded now, the one first that was not used for longest."""
        unused = [
            key
            for key, pool in self.engine.versions.items()
            if not self._is_kept(key) and pool.is_idle and key not in self._loading
        ]
        return sorted(unused, key=lambda key: self._used.get(key, 0.0))

    def _remove(self, key: Key) -> None:
        pool = self.engine.drop_version(*key)
        self._used.pop(key, None)
        log.info("%s: version %d is unloaded", *key)
        if pool is not None:
            self._unload(pool)

    def _unload(self, pool: Pool) -> None:
        task = asyncio.create_task(pool.stop())
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)

    async def stop(self) -> None:
        """Give up what is being loaded, and wait until what is unloaded is gone."""
        loading: list[asyncio.Task[Any]] = list(self._loading.values())
        if self._waiting is not None:
            loading.append(self._waiting)
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, *self._unloading, return_exceptions=True)


def _less(counts: Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
