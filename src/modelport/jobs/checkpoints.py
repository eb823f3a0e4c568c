"""The checkpoints of a training where other servers can go on from them, while it runs.

What has changed is brought to the place of shared files every `SHARE_SECONDS`, and named in the database by
who has the job. What can go wrong, and what is done:

- *Code writes while files are read.* They are linked aside first, once nothing has changed for a moment, and
  what was changed under that name before all of it was there is not named; the next time it is tried again.
- *The attempt is stale*: another server has the job. Then the database refuses the list.
- *This disk has older ones*, of an attempt before the one that another server has run. A mark beside them
  says of which attempt they are; those of an older one make room for what is shared.
- *What is shared cannot be read.* The training begins anew, as it did where nothing is shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from time import time
from typing import TypeAlias

from modelport.contract.kept_files import PARTIAL
from modelport.jobs.records import Claim
from modelport.jobs.shared_files import CHECKPOINTS, KeptFile, SharedFiles, files_of
from modelport.jobs.states import TERMINAL, State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreDamaged, StoreError

log = logging.getLogger("modelport.jobs")

SHARE_SECONDS = 15.0
QUIET_SECONDS = 1.0  # for which nothing has changed: else it is being written
ASIDE = f".{CHECKPOINTS}{PARTIAL}"
MARK = "attempt"

Seen: TypeAlias = "dict[Path, tuple[int, int, int]]"


def has_checkpoints(claim: Claim) -> bool:
    """Whether those of a job are shared: not of predictions, whose work is short or in many parts."""
    return claim.job.kind not in ("predict", "batch")


class Checkpoints:
    """Those of one attempt. Where nothing is shared it does nothing."""

    def __init__(self, store: JobStore, shared: SharedFiles, claim: Claim):
        self._store = store
        self._shared = shared
        self._claim = claim
        self._folder = shared.folders.of(claim.job.id)
        self._are_shared = shared.are_on and has_checkpoints(claim)
        self._there: Seen = {}
        self._kept: list[KeptFile] = []  # at the place, and perhaps some that nothing names
        self._list = ""  # the one that this attempt has put there last

    async def bring(self) -> None:
        """Have those of the attempt before on this disk. Raises `StoreError`s and `OSError`."""
        if not self._are_shared:
            return
        job_id = self._claim.job.id
        if await asyncio.to_thread(self._attempt_here) != self._claim.attempt - 1:
            self._kept = self._of(await self._shared.listed(job_id))
            if self._kept:
                await asyncio.to_thread(self._drop_here)
                try:
                    await self._shared.bring(job_id, CHECKPOINTS)
                except StoreDamaged as error:
                    await asyncio.to_thread(self._drop_here)
                    log.warning("job %s begins anew: its checkpoints cannot be had: %s", job_id, error)
        await asyncio.to_thread(self._mark)

    def _attempt_here(self) -> int:
        try:
            return int((self._folder / MARK).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def _mark(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / MARK).write_text(str(self._claim.attempt), encoding="ascii")

    def _drop_here(self) -> None:
        shutil.rmtree(self._folder / CHECKPOINTS, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncGenerator[None]:
        """Share what is new while the attempt runs in the block."""
        if not self._are_shared:
            yield
            return
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            await self._try(QUIET_SECONDS)

    async def share_last(self) -> None:
        """Share what is new: the attempt has ended, though the job has not."""
        if self._are_shared:
            await self._try(0.0)

    async def _try(self, quiet: float) -> None:
        try:
            await self.share(quiet)
        except (StoreError, OSError) as error:
            log.warning("job %s: its checkpoints are not shared now: %s", self._claim.job.id, error)

    async def share(self, quiet: float = 0.0) -> bool:
        """Share them as they are, unless they are so already, or have changed within `quiet` seconds.

        Returns whether what is there now is what is shared. Raises `StoreError`s and `OSError`.
        """
        job_id = self._claim.job.id
        aside = self._folder / ASIDE
        try:
            seen = await asyncio.to_thread(self._set_aside, aside, quiet)
            if not seen or seen == self._there:
                return bool(seen)
            kept = await self._shared.put(job_id, aside, list(seen))
            self._kept += kept
            before = await self._shared.listed(job_id)
            is_whole = await asyncio.to_thread(_seen, aside) == seen
            if not is_whole:
                await self._shared.remove(job_id, kept, before)
                return False
        finally:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        old = self._of(before)
        now = [file for file in before if file not in old] + kept
        name = await self._shared.put_list(job_id, now)
        if not await self._store.name_files(job_id, self._claim.token, name):
            return False
        self._there = seen
        await self._shared.remove(job_id, self._kept, now, self._list)
        self._kept, self._list = kept, name
        return True

    def _set_aside(self, aside: Path, quiet: float) -> Seen:
        """Link the files as they are now into a folder; none if they are being written."""
        shutil.rmtree(aside, ignore_errors=True)
        seen = _seen(self._folder)
        latest = max((changed for _, _, changed in seen.values()), default=0) / 1e9
        if not seen or seen == self._there:
            return seen
        if quiet and latest > time() - quiet:
            return {}
        try:
            for inner in seen:
                (aside / inner).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.link(self._folder / inner, aside / inner)
        except FileNotFoundError:  # it was replaced a moment ago
            return {}
        return seen if _seen(self._folder) == seen else {}

    async def drop(self, state: State) -> None:
        """Remove them from the place: the job has ended so, and what it has kept is named."""
        if self._kept and state in TERMINAL:
            with contextlib.suppress(StoreError):  # they go with the job then
                kept = await self._shared.listed(self._claim.job.id)
                await self._shared.remove(self._claim.job.id, self._kept, kept, self._list)

    @staticmethod
    def _of(files: tuple[KeptFile, ...]) -> list[KeptFile]:
        return [file for file in files if file.path.startswith(f"{CHECKPOINTS}/")]


def _seen(folder: Path) -> Seen:
    """The checkpoints below a folder: each with its inode, its size, and when it was changed last."""
    found: Seen = {}
    for inner in files_of(folder, (CHECKPOINTS,)):
        with contextlib.suppress(FileNotFoundError):
            state = (folder / inner).stat()
            found[inner] = (state.st_ino, state.st_size, state.st_mtime_ns)
    return found
