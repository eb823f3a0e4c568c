"""How much room there is in the folders of a server, without waiting for a disk that does not answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

LITTLE = 64 << 20  # bytes that are left of a disk that is as good as full
WAIT_SECONDS = 0.5


class DiskSpace:
    """Looks at folders in a thread, one at a time: a disk that hangs keeps one thread, and nobody."""

    def __init__(self, folders: Sequence[Path]):
        self._folders = folders
        self._look: asyncio.Task[str] | None = None

    async def problem(self) -> str:
        """What is wrong with the room there is; nothing if there is enough."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(asyncio.to_thread(_problem, self._folders))
        await asyncio.wait([self._look], timeout=WAIT_SECONDS)
        if not self._look.done():
            return f"one of the disks of {', '.join(map(str, self._folders))} does not answer"
        return self._look.result()


def _problem(folders: Sequence[Path]) -> str:
    said: list[str] = []
    for folder in folders:
        try:
            found = os.statvfs(folder)
        except OSError as error:
            said.append(f"{folder} cannot be looked at: {error.strerror}")
            continue
        free = found.f_bavail * found.f_frsize
        if free < LITTLE:
            said.append(f"{folder} has {free >> 20} MiB left")
    return "; ".join(said)
