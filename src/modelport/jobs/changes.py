"""Telling those who wait inside this process that a job has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

WEBHOOKS = "webhooks"  # stands among the ids of changed jobs when a webhook is owed; no job is called so


class Changes:
    """Who waits for which job. `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[str | None, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @asynccontextmanager
    async def subscribe(self, job_id: str | None = None) -> AsyncGenerator[asyncio.Event]:
        """An event that is set after each commit that changed the job (`None`: any job).

        Clear it before reading the store: then nothing that is committed later can be missed.
        """
        one = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.setdefault(job_id, set()).add(one)
        try:
            yield one[1]
        finally:
            those = self._waiting[job_id]
            those.discard(one)
            if not those:
                del self._waiting[job_id]

    def publish(self, job_ids: set[str]) -> None:
        """Set the events of those who wait for any of `job_ids`."""
        if not self._waiting:
            return
        waiting: set[str | None] = {None, *job_ids}
        found = [one for job_id in waiting for one in tuple(self._waiting.get(job_id, ()))]
        for loop, changed in found:
            with suppress(RuntimeError):  # its event loop was closed
                loop.call_soon_threadsafe(changed.set)
