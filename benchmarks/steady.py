"""A steady load: so many requests a second, whatever the answers take, with what each was answered.

The requests leave on time (an open loop), so that a server that pauses is seen to pause.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Answered:
    """One request: when it was due and answered (seconds, one clock), its status (0: none) and its body."""

    due: float
    at: float
    status: int
    body: bytes


@dataclass
class SteadyLoad:
    """`run` it as a task; `stop` ends it. `answers` has what came, in the order of the ends."""

    port: int
    request: bytes
    per_second: float
    answers: list[Answered] = field(default_factory=list[Answered])
    stopping: bool = False
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    def stop(self) -> None:
        """Send no more."""
        self.stopping = True

    async def run(self) -> None:
        """Send until stopped, then wait for the last answers."""
        began = time.perf_counter()
        sent = 0
        async with asyncio.TaskGroup() as tasks:
            while not self.stopping:
                due = began + sent / self.per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(self._one(due))
                sent += 1
        for _, writer in self._idle:
            writer.close()

    async def _one(self, due: float) -> None:
        try:
            reader, writer = self._idle.pop() if self._idle else await self._connected()
            writer.write(self.request)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            mark = lower.find(b"content-length: ") + 16
            body = await reader.readexactly(int(lower[mark : lower.find(b"\r\n", mark)]))
            self._idle.append((reader, writer))
            self.answers.append(Answered(due, time.perf_counter(), int(head[9:12]), body))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.answers.append(Answered(due, time.perf_counter(), 0, repr(error).encode()))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


def percentile(seconds: list[float], share: float) -> float:
    """The value below which so much of the values lies; 0 if there are none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
