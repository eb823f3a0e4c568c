"""The versions of models that are loaded: on demand, kept in a bounded cache, warm before they are used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

from modelport.contract.current_job import REFERENCE
from modelport.engine.ports import Engine, Pool, PoolState
from modelport.jobs.shared_files import ARTIFACTS, SharedFiles
from modelport.runs.errors import RunError, no_version
from modelport.runs.records import Run
from modelport.runs.store import RunStore
from modelport.runs.version_states import Resident, Residents, VersionState

log = logging.getLogger("modelport.runs")

IDLE_SECONDS = 0.1


class Versions:
    """Hands out the pools of versions. One for a server."""

    def __init__(self, engine: Engine, store: RunStore, shared: SharedFiles):
        self.engine = engine
        self.store = store
        self._shared = shared
        shared.in_use.append(self._in_use)
        self._residents = Residents(engine.settings.loaded_versions)
        self._unloading: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def use(self, model: str, version: int) -> AsyncGenerator[Pool]:
        """The pool of a version, ready to answer and kept from being unloaded until the end.

        It is loaded first if need be. Raises `RunError` if there is no such version, it cannot be loaded, or
        there is no room for it now.
        """
        record = self._residents.of((model, version))
        record.users += 1
        try:
            yield await self._ready(record)
        finally:
            record.users -= 1
            self._residents.let_go(record)
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
        self._residents.of((model, version)).holders += 1

    def unpin(self, model: str, version: int) -> None:
        """See `pin`."""
        record = self._residents.of((model, version))
        record.holders -= 1
        self._residents.let_go(record)
        self._tidy()

    def ready_pool(self, model: str, version: int) -> Pool | None:
        """The pool of a version that can answer now, which counts as a use of it; else `None`.

        A version stays loaded while it has a call.
        """
        live = self.engine.pools.get(model)
        if live is None or live.version == version:
            return live
        record = self._residents.get((model, version))
        if record is None or record.pool is None or record.removed:
            return None
        if not record.pool.state.answers:
            return None
        record.used_at = asyncio.get_running_loop().time()
        return record.pool

    def loaded_pool(self, model: str, version: int) -> Pool | None:
        """The pool of a version that is loaded, and not live."""
        record = self._residents.get((model, version))
        return record.pool if record is not None and record.has_place else None

    def beside(self, model: str) -> list[Pool]:
        """The pools of a model's versions that are loaded, or are being loaded, and not live."""
        found = [r.pool for r in self._residents if r.key[0] == model and r.has_place]
        return [pool for pool in found if pool is not None]

    def began(self, pool: Pool) -> None:
        """A model's first pool has the version that it begins with."""
        self._residents.began(pool)

    def make_live(self, pool: Pool) -> None:
        """Let a version answer for its model; the one that did until now counts as just used.

        Where `pool` has failed since it was handed out, and the version was loaded again, that is the one.
        """
        pool = self.loaded_pool(pool.name, pool.version) or pool
        before = self.engine.make_live(pool)
        if before is not pool:
            self._residents.took_over(pool, before, asyncio.get_running_loop().time())

    def reloaded(self, pool: Pool) -> Pool:
        """Let another pool of the live version answer for its model; returns the one that did until now."""
        before = self.engine.make_live(pool)
        self._residents.reloaded(pool, before)
        return before

    def is_used(self, model: str, version: int) -> bool:
        """True if a version is pinned, or a request is about it now."""
        record = self._residents.get((model, version))
        if record is None:
            return False
        return record.is_kept or (record.has_place and record.pool is not None and not record.pool.is_idle)

    def forget(self, model: str, version: int) -> None:
        """Serve a version no longer: its run was removed."""
        self._residents.of((model, version)).removed = True
        self._tidy()

    def loaded(self, model: str) -> set[int]:
        """The versions of a model that can answer, some once they are awake."""
        live = self.engine.pools[model]
        return self._residents.ready(model) | ({live.version} if live.state.answers else set())

    def _in_use(self) -> list[str]:
        """The jobs that have saved the versions which are loaded, or are being loaded."""
        models = list(self.engine.pools)
        pools = [pool for name in models for pool in (self.engine.pools[name], *self.beside(name))]
        found = [self._shared.folders.job_of(pool.source.saved) for pool in pools if pool.source.saved]
        return [one[0] for one in found if one is not None]

    def saved(self, run: Run) -> str:
        """Where the model that a run has saved is."""
        if run.source != "job":
            return run.saved
        return str((self._shared.folders.artifacts(run.id) / run.saved).absolute())

    async def bring(self, run: Run) -> None:
        """Have the model that a run has saved on this disk. Raises the store's errors and `RunError`."""
        if run.source != "job":
            return
        try:
            for name in (run.saved, REFERENCE):
                await self._shared.bring(run.id, f"{ARTIFACTS}/{name}")
        except OSError as error:
            said = f"the model of the run {run.id!r} cannot be kept on this disk: {error.strerror or error}"
            raise RunError(507, said) from error

    async def _ready(self, record: Resident) -> Pool:
        model, version = record.key
        self._check_loaded(model)
        live = self.engine.pools[model]
        if live.version == version and live.state is not PoolState.FAILED:
            return live
        if record.removed:
            raise no_version(model, version)
        pool = record.pool
        if record.state is VersionState.BESIDE and pool is not None and pool.state is not PoolState.FAILED:
            record.used_at = asyncio.get_running_loop().time()
            return pool
        if record.loader is None:
            record.loader = asyncio.create_task(self._load(record))
            record.loader.add_done_callback(lambda _: self._loaded(record))
        return await asyncio.shield(record.loader)

    def _check_loaded(self, model: str) -> None:
        if self.engine.pools[model].state.is_unloaded:
            raise RunError(503, f"the model {model!r} is unloaded, and so are its versions; load it first")

    def _loaded(self, record: Resident) -> None:
        record.loader = None
        self._residents.let_go(record)

    async def _load(self, record: Resident) -> Pool:
        model, version = record.key
        if record.state is VersionState.BESIDE:  # it was loaded, and has failed since
            self._remove(record)
        pool = record.pool if record.state is VersionState.LOADING else await self._start(record)
        assert pool is not None  # what is loading has one
        await pool.settled.wait()
        is_beside = record.state is VersionState.LOADING  # and was not made live meanwhile
        if pool.signature is None or pool.state is PoolState.FAILED:
            if is_beside:
                self._unload(record)
            why = "the log of the server says why"  # with the paths that are no client's business
            raise RunError(503, f"version {version} of {model!r} could not be loaded; {why}")
        if is_beside:
            record.move(VersionState.BESIDE, pool)
        record.used_at = asyncio.get_running_loop().time()
        return pool

    async def _start(self, record: Resident) -> Pool:
        model, version = record.key
        saved = ""
        if version:
            run = await self.store.of_version(model, version)
            if run is None:
                raise no_version(model, version)
            await self.bring(run)
            saved = self.saved(run)
        self._check_loaded(model)  # it may have been unloaded since the version was looked for
        self._make_room(record)
        source = self.engine.saved_source(model, saved)
        pool = self.engine.new_pool(source, version)
        record.move(VersionState.LOADING, pool)
        log.info("%s: loading version %d", model, version)
        pool.start(1)
        return pool

    # -- the bound ---------------------------------------------------------------------------------

    def _make_room(self, wanted: Resident) -> None:
        """Unload the versions that were not used for longest. Raises `RunError` if all are in use."""
        over = self._residents.over(more=1 if self._residents.most else 0)  # one always has room
        unused = self._residents.unused()
        for record in unused[:over]:
            self._remove(record)
        if over > len(unused) and not wanted.holders:
            raise RunError(
                503,
                f"all {self._residents.most} places for versions that are not live are in use now",
                retry_after=1,
            )

    def _tidy(self) -> None:
        """Unload what is more than may be kept, and what is gone."""
        for record in self._residents.to_unload():
            self._remove(record)
        if self._residents.is_untidy() and self._waiting is None and self._residents.busy():
            self._waiting = asyncio.create_task(self._tidy_later())

    async def _tidy_later(self) -> None:
        """Tidy again once the versions that nobody keeps have had their last call."""
        for record in self._residents.busy():
            while (pool := record.pool) is not None and record.has_place and not record.is_kept:
                if pool.is_idle or pool.state is PoolState.STOPPED:
                    break
                await pool.drained()
                await asyncio.sleep(IDLE_SECONDS)  # until the answer is sent, too
        self._waiting = None
        self._tidy()

    def _remove(self, record: Resident) -> None:
        log.info("%s: version %d is unloaded", *record.key)
        self._unload(record)

    def _unload(self, record: Resident) -> None:
        pool = self._residents.unloaded(record)
        self.engine.drop(pool)
        task = asyncio.create_task(pool.stop())
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)

    async def stop(self) -> None:
        """Give up what is being loaded, and wait until what is unloaded is gone."""
        tasks: list[asyncio.Task[Any]] = [r.loader for r in self._residents if r.loader is not None]
        if self._waiting is not None:
            tasks.append(self._waiting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._unloading, return_exceptions=True)
