"""For development: models are loaded anew when their files change.

The changed model is loaded beside the one that answers, and takes its place in one step once it is ready. One
that cannot be loaded leaves things as they are, and is tried again with the next change. A file is read when
it has been still for a moment, since editors and copies write in several steps; a change while the model
loads has it loaded once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelport.engine.ports import Engine, Pool, PoolState
from modelport.home import expanded
from modelport.runs.versions import Versions

log = logging.getLogger("modelport.runs")

LOOK_SECONDS = 0.25
GONE_LOOKS = 8  # for which a file may be away that is written anew
IDLE_SECONDS = 0.1
AGAIN_SECONDS = 1.0  # after a bug

State = tuple[int, int, int] | None  # of a file: when it was written, its size and number; None for no file


class Reloads:
    """Watches the files of every model. `run` it as a task. One for a server."""

    def __init__(self, engine: Engine, versions: Versions):
        self.engine = engine
        self.versions = versions
        self._replaced: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for pool in self.engine.pools.values():
                if pool.settings.workers:
                    tasks.create_task(_Watched(pool.name, self).run())
                else:
                    log.warning("%s: it is not reloaded: that needs a worker process", pool.name)

    async def stop(self) -> None:
        """Wait for what is replaced no longer."""
        for task in self._replaced:
            task.cancel()
        await asyncio.gather(*self._replaced, return_exceptions=True)

    def replace(self, fresh: Pool) -> None:
        """Let a pool answer for its model; the one before is stopped once its last call is answered."""
        before = self.versions.reloaded(fresh)
        task = asyncio.create_task(self._stop(before))
        self._replaced.add(task)
        task.add_done_callback(self._replaced.discard)

    async def _stop(self, pool: Pool) -> None:
        while not pool.is_idle:
            await pool.drained()
            await asyncio.sleep(IDLE_SECONDS)  # until the answer is sent, too
        await pool.stop()
        self.engine.drop(pool)  # until then the engine stops it, too, if the server ends


class _Watched:
    """One model and its files."""

    def __init__(self, model: str, reloads: Reloads):
        self.model = model
        self._reloads = reloads
        self._engine = reloads.engine
        self._seen: dict[str, State] = {}
        self._tried: tuple[str, ...] = ()  # the files of what was loaded last, whether it answers or not

    @property
    def _live(self) -> Pool:
        return self._engine.pools[self.model]

    async def run(self) -> None:
        """Load the model anew whenever its files have changed. A bug in that is logged and costs a second."""
        while True:
            try:
                await self._follow()
            except Exception:
                log.exception("%s: watching its files failed; it starts again", self.model)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        """Wait for the next change, and load the model anew."""
        if not self._seen:
            await self._look()
        await self._live.settled.wait()
        changed = await self._change()
        if self._is_in_memory():
            names = ", ".join(sorted(Path(file).name for file in changed))
            log.info("%s: %s has changed, and it is loaded anew", self.model, names)
            while not await self._reload():
                pass

    def _is_in_memory(self) -> bool:
        """False for what will be loaded from its files in any case."""
        return not self._live.state.is_unloaded and self._live.state is not PoolState.IDLE

    async def _change(self) -> list[str]:
        """Wait for a change of the files, and for its end; returns the files."""
        changed: dict[str, None] = {}
        quiet = 0  # looks in which nothing more has changed
        while True:
            more = await self._look()
            changed |= dict.fromkeys(more)
            quiet = 0 if more else quiet + 1
            is_whole = all(self._seen[file] for file in changed)
            if changed and quiet >= (1 if is_whole else GONE_LOOKS):
                return list(changed)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> list[str]:
        """The files that have changed since the last look. Those that are new have not."""
        files = {*self._live.files, *self._tried, *_of_source(self._live), *self._seen}
        found = await asyncio.to_thread(states_of, files)
        changed = [file for file, state in found.items() if self._seen.get(file, state) != state]
        self._seen = dict(found)
        return changed

    async def _reload(self) -> bool:
        """Load the model from its files. False if it is to be loaded once more: something else was faster."""
        before = self._live
        fresh = self._engine.new_pool(before.source, before.version)
        try:
            fresh.start()
            is_whole = await self._loaded(fresh)
            if not is_whole or self._live is not before or not self._is_in_memory():
                return not self._is_in_memory()
            self._tried = tuple(fresh.files)
            if fresh.state.answers:
                self._reloads.replace(fresh)
                log.info("%s: what has changed answers now", self.model)
            elif before.state is PoolState.FAILED:
                before.error = fresh.error
            else:
                before.reload_error = fresh.error
                log.error("%s: what has changed cannot be loaded; what was there answers on", self.model)
            return True
        finally:
            if self._live is not fresh:
                await fresh.stop()
                self._engine.drop(fresh)

    async def _loaded(self, fresh: Pool) -> bool:
        """Wait until a pool is ready or has failed. False if a file has changed meanwhile."""
        while not fresh.settled.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await fresh.settled.wait()
            if await self._look():
                return False
        return True


def _of_source(pool: Pool) -> Iterable[str]:
    """The file of a model of which nothing else is known: its process has died of loading it."""
    return [str(expanded(pool.source.target).absolute())] if pool.source.kind in ("file", "model") else []


def states_of(files: Iterable[str]) -> Mapping[str, State]:
    """The state of each file."""
    found: dict[str, State] = {}
    for file in files:
        try:
            seen = Path(file).stat()
        except (OSError, ValueError):  # the latter of a name that no file can have
            found[file] = None
        else:
            found[file] = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
    return found
