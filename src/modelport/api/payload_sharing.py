"""What a server does all the time so that others see its payload log, and it sees theirs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from modelport.settings import Settings
from modelport.storage.errors import StoreError
from modelport.telemetry.payloads.log import PayloadLog, PayloadsUnavailable
from modelport.telemetry.payloads.shared import Brought, SharedPayloads

log = logging.getLogger("modelport.payloads")

PAUSE_SECONDS = 5.0  # between two looks at what is to be sent
TAKE_OVER_PAUSES = 12  # of them between two looks at what others were told
LAST_SECONDS = 10.0  # for what is left when the server ends
THREADS = 2  # one sends, and one brings

T = TypeVar("T")


class PayloadSharing:
    """Sends and fetches. `begin` it once there is a database; `stop` it, and `close` it after the log."""

    def __init__(self, shared: SharedPayloads):
        self._shared = shared
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modelport payloads")
        self._bringing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._said = ""

    def begin(self, take_over: Callable[[], Awaitable[None]]) -> None:
        """Send what is there, again and again, and `take_over` what was told to others."""
        self._task = asyncio.create_task(self._send(take_over))

    async def _send(self, take_over: Callable[[], Awaitable[None]]) -> None:
        pauses = 0
        while True:
            try:
                if pauses % TAKE_OVER_PAUSES == 0:
                    await take_over()
                await self._run(self._shared.send)
                self._said = ""
            except (StoreError, PayloadsUnavailable, OSError, sqlite3.Error) as error:
                self._say(str(error))
            except Exception:  # the border of the task: a fault here must not end it
                log.exception("the payload log could not be shared")
            pauses += 1
            await asyncio.sleep(PAUSE_SECONDS)

    def _say(self, why: str) -> None:
        """Say once what goes wrong again and again."""
        if why != self._said:
            self._said = why
            log.warning("other servers do not see what is new in the payload log: %s", why)

    async def bring(self, model: str, begin: float, end: float, beside: Sequence[str]) -> Brought:
        """See `SharedPayloads.bring`."""
        async with self._bringing:
            return await self._run(lambda: self._shared.bring(model, begin, end, beside))

    async def prune(self, model: str, before: float) -> dict[str, int]:
        """See `SharedPayloads.prune`."""
        return await self._run(lambda: self._shared.prune(model, before))

    async def _run(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    async def stop(self) -> None:
        """Send no more; what is under way ends by itself, within its deadlines."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self, *, at_once: bool) -> None:
        """Send what is left, unless the server ends `at_once`: nothing keeps the log any more."""
        if not at_once:
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    await self._run(self._shared.send_last)
            except (StoreError, OSError, sqlite3.Error, TimeoutError) as error:
                log.warning(
                    "other servers will see the rest of the payload log when this one is started again: %s",
                    error or "it takes too long",
                )
        self._threads.shutdown(wait=False, cancel_futures=True)


def payload_sharing(kept: PayloadLog, settings: Settings, data_folder: Path) -> PayloadSharing | None:
    """That of a server; `None` where there is no place that others see."""
    if settings.files_url is None:
        return None
    return PayloadSharing(SharedPayloads(settings.files_url, kept, settings, data_folder))
