"""The runs and versions of one server: which version is live from the start, and what changes that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelport.contract.current_job import REFERENCE
from modelport.contract.errors import ModelLoadError
from modelport.engine.ports import Engine, Pool, PoolState
from modelport.jobs.shared_files import SharedFiles
from modelport.runs.canary import Canaries
from modelport.runs.errors import RunError
from modelport.runs.importing import import_runs, of_model
from modelport.runs.live_file import LiveFile, LiveVersion
from modelport.runs.live_traffic import LiveTraffic
from modelport.runs.owning import own_names
from modelport.runs.promotion import PromotionRequest, Promotions
from modelport.runs.records import Run, TrafficPlan
from modelport.runs.reloads import Reloads
from modelport.runs.repository import Repository
from modelport.runs.store import LIVE, RunStore, runs_of
from modelport.runs.versions import Versions
from modelport.settings import Settings
from modelport.settings.written import Order, order_of
from modelport.sources.origins import Origin, is_same, origin_of
from modelport.storage.changes import elsewhere
from modelport.storage.database import Database
from modelport.storage.errors import StoreError, StoreFull, StoreReadOnly
from modelport.storage.files.place import FilesUnavailable
from modelport.storage.service import Storage

log = logging.getLogger("modelport.runs")

BEST = "best"
RESERVED = (LIVE, BEST)
LONGEST_PAUSE = 15.0  # between two tries to follow what cannot be followed
MAX_VERSION_DIGITS = 9
IMPORT_SECONDS = 900.0
ADDED_AT_ONCE = 500  # of the runs that are imported: jobs are written in between


class RunService:
    """What the APIs see of runs, and what starts the models. `serving.life` starts and stops it."""

    def __init__(self, engine: Engine, storage: Storage, shared: SharedFiles, settings: Settings):
        self.engine = engine
        self.settings = settings
        self.storage = storage
        self._folders = shared.folders
        self.store = RunStore(storage)
        self.versions = Versions(engine, self.store, shared)
        self.promotions = Promotions(engine, self.store, self.versions, self._moved)
        self.canaries = Canaries(engine, self.store, self.versions)
        self.reloads = Reloads(engine, self.versions)
        self.repository = Repository(engine, self.versions, self.promotions)
        self.order: Order | None = order_of(settings.best_by) if settings.best_by else None
        self._origins: dict[str, Origin] = {}
        self._live_file = LiveFile(storage.folder)
        self._tasks: list[asyncio.Task[None]] = []

    # -- life --------------------------------------------------------------------------------------

    def observe(self) -> None:
        """See the calls of each model from its first one on: versions are checked by them."""
        for pool in self.engine.pools.values():
            pool.observers += (LiveTraffic(),)
            self.versions.began(pool)

    async def know_origins(self) -> None:
        """Look where the models come from."""
        self._origins = await asyncio.to_thread(
            lambda: {source.name: origin_of(source) for source in self.engine.sources}
        )

    async def own_names(self, database: Database) -> None:
        """See to it that what is kept under the names of the models is theirs. Raises `ModelLoadError`."""
        place = self.storage.folder if self.storage.is_file else "the database"
        try:
            await own_names(database, self._origins, place, adopt=self.settings.adopt)
        except (StoreFull, StoreReadOnly) as error:
            log.warning("whose runs and jobs are kept cannot be noted: %s", error)

    def recorded_reference(self, run: Run) -> Path | None:
        """Where the training of a run made here has recorded what it was made with, if it has."""
        return self._folders.artifacts(run.id) / REFERENCE if run.source == "job" else None

    def may_have_versions(self) -> bool:
        """False if no model can have a version, since there is no database yet."""
        return bool(self.settings.import_runs) or self.storage.may_exist()

    def start(self) -> None:
        """Start each model that waits with the version that is live; the jobs have been started.

        Returns before the models are ready.
        """
        self._tasks.append(asyncio.create_task(self._bring_up()))
        if self.settings.reload:
            self._tasks.append(asyncio.create_task(self.reloads.run()))

    async def stop(self) -> None:
        """Give up what is under way; the engine and the jobs are stopped by others, after this."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.repository.stop()
        await self.reloads.stop()
        await self.promotions.stop()
        await self.versions.stop()

    async def _bring_up(self) -> None:
        follow = self._keep_up
        try:
            await self._import()
            for pool in self.engine.pools.values():
                if pool.state is PoolState.WAITING:
                    await self._choose(pool)
        except StoreError:  # the jobs have said why
            await self._choose_remembered()
            follow = self._catch_up
        except Exception:  # a bug here must not keep the models from being served
            log.exception("models are served as their sources have them: looking for their versions failed")
        self.engine.begin()
        if not self.storage.unavailable:
            await follow()

    def catch_up(self) -> None:
        """The database can be used from now on: do what was left out at the start for want of it."""
        self._tasks.append(asyncio.create_task(self._catch_up()))

    async def _catch_up(self) -> None:
        try:
            await self._import()
            for name in self.engine.pools:
                best = None if self.order is None else await self.store.best_version(name, self.order)
                if best is not None and LIVE not in await self.store.aliases(name):
                    await self._serve(name, best, "it is the best")
        except (StoreError, RunError) as error:
            log.warning("runs are not imported, and the best is not looked for, until a restart: %s", error)
        await self._keep_up()

    async def _import(self) -> None:
        """Take in the runs that were made elsewhere. What cannot be read is logged: models are served."""
        names = list(self.engine.pools)
        for text in self.settings.import_runs:
            try:
                model, place = of_model(text, names, self.settings.default_model)
                seconds = self.settings.of(model).load_timeout or IMPORT_SECONDS
                found = await import_runs(place, model, seconds, self.engine.spool.root)
                parts = [
                    found[start : start + ADDED_AT_ONCE] for start in range(0, len(found), ADDED_AT_ONCE)
                ]
                new = sum([await self.store.add(part) for part in parts])
                log.info("%s: %d runs from %s, %d of them new", model, len(found), place, new)
            except ModelLoadError as error:
                log.error("runs cannot be imported: %s", error)

    async def _choose(self, pool: Pool) -> None:
        """Let a pool serve the version that is live; without one the best, if there is an order of runs."""
        alias = (await self.store.aliases(pool.name)).get(LIVE)
        if alias is not None:
            run = await self.store.of_version(pool.name, alias.version) if alias.version else None
        else:
            run = None if self.order is None else await self.store.best(pool.name, self.order)
        if run is not None and run.version is not None:
            await self._bring(run)
            pool.source = self.engine.saved_source(pool.name, self.versions.saved(run))
            pool.version = run.version
            self.versions.began(pool)
            log.info("%s: serving version %d, run %s", pool.name, run.version, run.id)
        pool = self.engine.pools[pool.name]  # another version may have been made live meanwhile
        live = LiveVersion(pool.version, pool.source.saved, self._origins[pool.name])
        await asyncio.to_thread(self._live_file.write, pool.name, live)

    async def _bring(self, run: Run) -> None:
        """Have what is live on this disk: until then its model answers nothing, and nothing wrong."""
        pause = 1.0
        while True:
            try:
                return await self.versions.bring(run)
            except FilesUnavailable as error:
                log.error("%s: version %s waits for its files: %s", run.model, run.version, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _choose_remembered(self) -> None:
        """Let models whose versions cannot be looked up serve what was live last."""
        known = await asyncio.to_thread(self._live_file.read)
        for pool in self.engine.pools.values():
            live = known.get(pool.name)
            if live is None or not live.version or pool.state is not PoolState.WAITING:
                continue
            if self._is_of(pool.name, live):
                pool.source = self.engine.saved_source(pool.name, live.saved)
                pool.version = live.version
                self.versions.began(pool)
                log.warning("%s: serving version %d, which was live last", pool.name, live.version)

    def _is_of(self, model: str, live: LiveVersion) -> bool:
        """True if what was live last is a version of the model that has its name now."""
        origin = self._origins[model]
        if self.settings.adopt or live.origin == Origin() or is_same(live.origin, origin):
            return True
        log.error(
            "%s: version %d, which was live last, is of another model (%s): %s is served as it is",
            *(model, live.version, live.origin, origin),
        )
        return False

    async def _moved(self, model: str) -> None:
        """Another version of a model has become live: nothing that follows from it may fail that."""
        pool = self.engine.pools[model]
        try:
            await self.canaries.end(model, pool.version)
        except StoreError as error:
            log.warning("%s: its canary ends now, but would be there after a restart: %s", model, error)
        live = LiveVersion(pool.version, pool.source.saved, self._origins[model])
        await asyncio.to_thread(self._live_file.write, model, live)

    async def _keep_up(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in self.engine.pools:
                tasks.create_task(self._keep_up_with(name))

    async def _keep_up_with(self, model: str) -> None:
        """Restore the canary of a model; on a database that servers share, see what others do with it."""
        await self.engine.pools[model].settled.wait()
        database = self.storage.database
        async with database.changes.subscribe(elsewhere(runs_of(model))) as told:
            await self._look_whenever(model, database, told)

    async def _look_whenever(self, model: str, database: Database, told: asyncio.Event) -> None:
        """Look at once when another server has told of a change, and each few seconds."""
        failures = 0
        while True:
            told.clear()
            failed = False
            is_unloaded = self.engine.pools[model].state.is_unloaded
            for step in () if is_unloaded else (self._follow, self.canaries.look, self._forget_removed):
                try:
                    await step(model)
                except (StoreError, RunError) as error:
                    failed = True
                    log.warning("%s: what other servers have done is not followed now: %s", model, error)
            if not failed and not database.is_shared:
                return
            failures = failures + 1 if failed else 0
            pause = min(2.0**failures, LONGEST_PAUSE) if failed else 2 * database.poll_seconds
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await told.wait()

    async def _follow(self, model: str) -> None:
        """Serve what another server has made live."""
        alias = (await self.store.aliases(model)).get(LIVE)
        if alias is not None and alias.version != self.engine.pools[model].version:
            await self._serve(model, alias.version, "another server has promoted it")

    async def _serve(self, model: str, version: int, why: str) -> None:
        async with self.versions.pinned(model, version) as pool:
            await pool.grow()
            alias = (await self.store.aliases(model)).get(LIVE)
            if (alias is None or alias.version == version) and self.engine.pools[model] is not pool:
                self.versions.make_live(pool)
                await self._moved(model)
                log.info("%s: version %d is live: %s", model, version, why)

    async def _forget_removed(self, model: str) -> None:
        """Serve the versions no longer whose runs another server has removed."""
        others = self.versions.loaded(model) - {0, self.engine.pools[model].version}
        for version in await self.store.removed(model, others) if others else ():
            self.versions.forget(model, version)

    # -- versions ----------------------------------------------------------------------------------

    def live(self, model: str) -> int:
        """The version of a model that answers its predictions; 0 is the model as its source has it."""
        return self.engine.pools[model].version

    async def best(self, model: str, *, served: bool = True) -> Run:
        """The best run. Raises `RunError` if no order of runs is set, or no run has that number."""
        if self.order is None:
            raise RunError(
                404, "which run is the best is not set; start the server with --best-by, such as f1"
            )
        run = await self.store.best(model, self.order, served=served)
        if run is None:
            names = await self.store.ordered_by(model)
            there = ", ".join(names) or "none"
            what = "with a saved model " if served else ""
            raise RunError(404, f"no run {what}of {model!r} has {self.order.name!r}; there is: {there}")
        return run

    async def resolve(self, model: str, text: str) -> int:
        """The number of a version by its number or alias. Raises `RunError` 404 with what exists."""
        if text.isascii() and text.isdecimal() and len(text) <= MAX_VERSION_DIGITS:
            return int(text)
        if text == LIVE:
            return self.live(model)
        if text == BEST:
            best = None if self.order is None else await self.store.best_version(model, self.order)
            if best is None:  # to be told why
                best = (await self.best(model)).version
                assert best is not None  # it is one that is served
            return best
        aliases = await self.store.aliases(model)
        if text in aliases:
            return aliases[text].version
        known = ", ".join(dict.fromkeys([LIVE, BEST, *aliases]))
        raise RunError(
            404, f"{model!r} has no version {text[:100]!r}; write its number or an alias ({known})"
        )

    async def check_version(self, model: str, version: int) -> None:
        """Raise `RunError` 404 if there is no such version."""
        if version and not await self.store.has_version(model, version):
            raise RunError(404, f"the model {model!r} has no version {version}")

    async def aliases(self, model: str) -> Mapping[str, int]:
        """The version of each alias, those that follow from others among them."""
        found = {name: alias.version for name, alias in (await self.store.aliases(model)).items()}
        found[LIVE] = self.live(model)
        if self.order is not None:
            best = await self.store.best_version(model, self.order)
            if best is not None:
                found[BEST] = best
        return found

    async def promote(self, model: str, asked: PromotionRequest) -> dict[str, Any]:
        """Make a version live; see `Promotions.promote`."""
        return await self.promotions.promote(model, asked)

    async def roll_back(self, model: str) -> dict[str, Any]:
        """Make the version live that was so before; see `Promotions.roll_back`."""
        return await self.promotions.roll_back(model)

    async def set_traffic(self, model: str, plan: TrafficPlan) -> None:
        """Spread the calls to a model; see `Canaries.set`."""
        await self.canaries.set(model, plan)

    async def remove(self, model: str, run: Run) -> None:
        """Forget a run. Raises `RunError` 409 if an alias has its version, or it is in use."""
        if run.version is not None and run.version == self.live(model):
            raise RunError(409, f"version {run.version}, which the run {run.id!r} made, is live")
        if run.version is not None and self.versions.is_used(model, run.version):
            raise RunError(
                409,
                f"version {run.version}, which the run {run.id!r} made, is in use: it has a part in the "
                "traffic, answers a call or is becoming live",
            )
        keeper = await self.store.remove(model, run)
        if keeper:
            raise RunError(409, f"{keeper} has version {run.version}, of the run {run.id!r}; move it first")
        if run.version is not None:
            self.versions.forget(model, run.version)

    # -- runs --------------------------------------------------------------------------------------

    async def run(self, model: str, run_id: str) -> Run:
        """A run by its id, or by `best` or `live`. Raises `RunError` 404 with the names that exist."""
        run = await self.store.get(model, run_id) if run_id else None
        if run is None and run_id == BEST:
            return await self._full(await self.best(model, served=False))
        if run is None and run_id == LIVE:
            return await self.chosen(model)
        if run is None:
            names = ", ".join(await self.store.names(model)) or "none"
            raise RunError(404, f"the model {model!r} has no run {run_id[:100]!r}; the newest are: {names}")
        return run

    async def version_of(self, model: str, run_id: str) -> int:
        """The version that a run has made. Raises `RunError`: 404 for no run, 409 for one without."""
        version = await self.store.version_of(model, run_id)
        if version is None:
            run = await self.run(model, run_id)
            if run.version is None:
                raise RunError(409, f"the run {run.id!r} has saved no model, so it cannot predict")
            version = run.version
        return version

    async def chosen(self, model: str) -> Run:
        """The run that answers are about: the live one; else the best; else the newest. Raises `RunError`."""
        live = self.live(model)
        run = await self.store.of_version(model, live) if live else None
        if run is None and self.order is not None:
            run = await self.store.best(model, self.order, served=False)
        if run is None:
            run = await self.store.newest(model)
        if run is None:
            raise RunError(404, f"the model {model!r} has no runs: train it, or import runs (import_runs)")
        return await self._full(run)

    async def _full(self, run: Run) -> Run:
        """The run with what lists leave out of it."""
        return await self.store.get(run.model, run.id) or run
