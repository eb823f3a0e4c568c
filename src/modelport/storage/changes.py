"""Telling those who wait inside this process that something in the database was changed, by whomever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress


class Changes:
    """Who waits for what; whatever can change has a name, as a job has its id.

    `publish` may be called from any thread.
    """

    def __init__(self) -> None:
        self._waiting: dict[str | None, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @asynccontextmanager
    async def subscribe(self, name: str | None = None) -> AsyncGenerator[asyncio.Event]:
        """An event that is set after each commit that changed what has this name (`None`: anything).

        Clear it before reading the database: then nothing that is committed later can be missed.
        """
        one = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.setdefault(name, set()).add(one)
        try:
            yield one[1]
        finally:
            those = self._waiting[name]
            those.discard(one)
            if not those:
                del self._waiting[name]

    def publish(self, names: Collection[str]) -> None:
        """Set the events of those who wait for any of `names`."""
        if self._waiting:
            self._set({None, *names})

    def publish_elsewhere(self, names: Collection[str] | None) -> None:
        """Set the events of those who wait for any of `names` (`None`: of all), which another server told."""
        if names is None:
            self._set(tuple(self._waiting))
        else:
            self._set({None, *names, *map(elsewhere, names)})

    def _set(self, names: Collection[str | None]) -> None:
        found = [one for name in names for one in tuple(self._waiting.get(name, ()))]
        for loop, changed in found:
            with suppress(RuntimeError):  # its event loop was closed
                loop.call_soon_threadsafe(changed.set)


def elsewhere(name: str) -> str:
    """The name of a change, for who waits only for those that other servers have made."""
    return f"elsewhere: {name}"
