"""A runner of jobs without a server, and a store that answers it late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from making import no_shared_files

from modelport.engine.ports import PoolState
from modelport.jobs.claims import Choose, all_of_them
from modelport.jobs.presence import Presence
from modelport.jobs.records import Claim
from modelport.jobs.runner import JobRunner
from modelport.jobs.store import JobStore


class SlowToTell(JobStore):
    """A store whose answers to claims are late."""

    def hold(self) -> None:
        self.claimed, self.told = asyncio.Event(), asyncio.Event()

    async def claim(
        self,
        owner: str,
        limit: int,
        lease_seconds: float,
        models: Sequence[str] | None = None,
        choose: Choose = all_of_them,
    ) -> list[Claim]:
        claims = await super().claim(owner, limit, lease_seconds, models, choose)
        self.claimed.set()
        await self.told.wait()
        return claims


def runner(store: JobStore, folder: Path, workers: int = 1) -> JobRunner:
    """One of a server whose only model is known by name: nothing of it is ever started."""
    signature = SimpleNamespace(predict=SimpleNamespace(max_batch_size=1))
    settings, state = SimpleNamespace(job_workers=workers), PoolState.READY
    pool = SimpleNamespace(name="digits", signature=signature, settings=settings, state=state)
    engine: Any = SimpleNamespace(pools={"digits": pool}, spans=None, ends_with_server=True)
    return JobRunner(store, engine, no_shared_files(folder), Presence(folder, "test"), workers, 1.0)
