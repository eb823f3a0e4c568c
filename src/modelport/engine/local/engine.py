"""The local engine: every model's workers as supervised processes of this machine."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from msgspec import structs

from modelport.contract.signature import CallVerb
from modelport.contract.traces import TakeLate
from modelport.engine.after_death import DeathWatch
from modelport.engine.asks import Asks
from modelport.engine.local.load_rules import rules_of
from modelport.engine.local.places import LocalPlaces
from modelport.engine.local.pool import ModelPool
from modelport.engine.local.worker_process import Worker
from modelport.engine.ports import CallLog, JobLauncher, JobOwner, JobWorker, Pool, PoolState, Router
from modelport.engine.shared import Shared
from modelport.engine.spool import Spool, check_path
from modelport.engine.worker_place import Places
from modelport.settings import Settings, data_folder
from modelport.sources.source import Source
from modelport.worker.frames import Load

log = logging.getLogger("modelport.engine")

MakePlaces = Callable[[Path], Places]  # out of the folder of the engine's temporary files


class LocalEngine:
    """All models of a server. `start` it in a running event loop, `stop` it in the same one.

    Workers and processes of jobs run where `make_places` finds a place for them, by default on this machine.
    `pools` has the pool of each model that is live; `beside` those of other versions that have workers.
    """

    def __init__(self, sources: Sequence[Source], settings: Settings, make_places: MakePlaces | None = None):
        self.sources = list(sources)
        self.settings = settings
        self.launch_job: JobLauncher = self._launch_job
        self.spool = Spool(settings.spool_dir)
        self._places = LocalPlaces(self.spool.root) if make_places is None else make_places(self.spool.root)
        self._watching: asyncio.Task[DeathWatch | None] | None = None
        self.pools: dict[str, ModelPool] = {}
        self.beside: set[ModelPool] = set()
        self.shares: dict[str, Router] = {}  # of models that have a canary
        self.instance = secrets.token_hex(4)  # part of every request id, so that restarts differ
        self._shared: dict[str, Shared] = {}  # by model
        self.spans: TakeLate | None = None  # who hears of the parts of traces
        self.draining = False  # true once the server has been told to stop
        self.call_log: CallLog | None = None
        self._numbers = itertools.count(1)
        self._jobs = itertools.count()  # which take the devices in turn

    async def open(self) -> None:
        """Make the spool folder and a pool for each model, without workers. Raises `OSError`."""
        check_path(self.spool.root)
        await asyncio.to_thread(self.spool.open)
        await self._places.open()
        self._watching = asyncio.create_task(self._watch())  # it takes a while, and nothing waits for it
        for source in self.sources:
            self.pools[source.name] = self._pool(source)

    async def _watch(self) -> DeathWatch | None:
        try:
            return await asyncio.to_thread(DeathWatch, self.spool.root)
        except OSError as error:
            log.warning("what models start would outlive a kill of this server: %s", error.strerror or error)
            return None

    def begin(self) -> None:
        """Start the workers of every model; returns before they are ready."""
        for pool in self.pools.values():
            if pool.state is PoolState.WAITING:
                pool.start()

    async def start(self) -> None:
        """`open` and `begin`."""
        await self.open()
        self.begin()

    def new_pool(self, source: Source, version: int) -> ModelPool:
        """A pool for a version of a model, without workers yet; it is stopped with the engine."""
        pool = self._pool(source, version)
        self.beside.add(pool)
        return pool

    def _pool(self, source: Source, version: int = 0) -> ModelPool:
        shared = self._shared.setdefault(source.name, Shared(self._places))
        pool = ModelPool(source, self.settings.of(source.name), self.spool, shared, version)
        pool.asks_of = self._asks_of
        pool.name_of_call = self.request_id
        pool.logged_by = None if self.call_log is None else self.call_log.of_pool(pool)
        pool.spans = self.spans
        return pool

    def _asks_of(self, worker: Worker, *, of_job: bool = False) -> Asks:
        """What this worker asks of other models."""
        return Asks(self, worker, worker.load.name, None if of_job else worker.in_flight)

    def _launch_job(self, owner: JobOwner, load: Load, temp: Path) -> JobWorker:
        settings = self.pools[load.name].settings
        load = self._places.fitted(load, settings, next(self._jobs), of_jobs=True)
        worker = Worker(owner, load, self._places.place_of_job(load, owner, temp, settings))
        worker.asks_of = partial(self._asks_of, of_job=True)
        worker.spans = self.spans
        return worker

    def drop(self, pool: Pool) -> None:
        """Know a pool that is not live no longer: the caller stops it."""
        assert isinstance(pool, ModelPool)  # it came from `new_pool`, or was live
        self.beside.discard(pool)

    def make_live(self, pool: Pool) -> Pool:
        """Let `pool` answer for its model from the next call on; returns the one that did until now.

        That one stays loaded, unless it has no workers.
        """
        before = self.pools[pool.name]
        if before is pool:
            return pool
        assert isinstance(pool, ModelPool)  # it came from `new_pool`
        self.beside.discard(pool)
        if before.state.may_have_workers:
            self.beside.add(before)
        else:
            before.settled.set()  # nobody will start it any more
        pool.observers, before.observers = before.observers, ()
        self.pools[pool.name] = pool
        return before

    def route(self, name: str) -> Pool:
        """The pool that answers the next call to a model."""
        shares = self.shares.get(name)
        return self.pools[name] if shares is None else shares.choose(self.pools[name])

    def source(self, name: str) -> Source:
        """The source of a model, without a version."""
        return next(source for source in self.sources if source.name == name)

    def saved_source(self, name: str, saved: str) -> Source:
        """The source of a version: what a training has saved; the model itself if that is empty.

        What a training of this server has saved was written by the model's own code, and is trusted as that.
        """
        source = self.source(name)
        if not saved:
            return source
        ours = (data_folder(self.settings.data_dir) / "jobs").absolute()
        trust = source.options.trust or Path(saved).is_relative_to(ours)
        options = structs.replace(source.options, trust=trust, format="")
        return replace(source, saved=saved, options=options)

    def job_load(self, name: str, kind: CallVerb, saved: str | None) -> Load:
        """What the process of a job has to load: the model's own code to train, a version for the rest.

        `saved` names a version; without it, it is the one that is live.
        """
        pool = self.pools[name]
        if kind == "train":
            return rules_of(self.source(name), pool.settings, self.spool)
        if saved is None:
            return pool.make_load()
        return rules_of(self.saved_source(name, saved), pool.settings, self.spool)

    def next_id(self) -> int:
        """A number for a call, unique in this server."""
        return next(self._numbers)

    def request_id(self, call_id: int) -> str:
        """The name of a call in answers and in the log: restarts of the server do not repeat it."""
        return f"{self.instance}-{call_id:x}"

    @property
    def trouble(self) -> str:
        """Why no worker can be placed now; empty if nothing is known to be in the way."""
        return self._places.trouble

    @property
    def ends_with_server(self) -> bool:
        """Whether what runs ends in the moment in which the server is killed, and not a while later."""
        return self._places.ends_with_server

    def ready(self) -> bool:
        """True when every model can answer that is to be loaded."""
        states = [pool.state for pool in self.pools.values()]
        return bool(states) and all(state.answers or state.is_unloaded for state in states)

    async def settled(self) -> None:
        """Wait until each model is ready or has failed."""
        for pool in list(self.pools.values()):
            await pool.settled.wait()

    def all_pools(self) -> list[ModelPool]:
        """Every pool that has workers, or will, of every version."""
        return [*self.pools.values(), *self.beside]

    async def drain(self, seconds: float) -> bool:
        """Take no more calls, wait for those that run. False if some were left at the end."""
        self.draining = True
        self._close_logs()
        done = await asyncio.gather(*(pool.drain(seconds) for pool in self.all_pools()))
        return all(done)

    def _close_logs(self) -> None:
        for one in self._shared.values():
            one.model_log.close()

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker and remove every temporary file. `at_once` gives the workers no time."""
        self._close_logs()
        await asyncio.gather(*(pool.stop(at_once=at_once) for pool in self.all_pools()))
        await self._places.close()
        await asyncio.to_thread(self.spool.close)
        watch = await self._watching if self._watching is not None else None
        if watch is not None:
            watch.end()
