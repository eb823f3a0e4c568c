"""One call on its way: waiting in the queue, running in a worker, or streaming its answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from modelport.contract.calls import Answer, Call, Chunk


class Pending:
    """A call and the place where its answer arrives. `deadline` is in seconds of the loop's clock."""

    __slots__ = ("answered", "attempts", "call", "deadline", "enqueued", "future", "stream", "wanted")

    def __init__(self, call: Call, future: asyncio.Future[Answer], enqueued: float, deadline: float):
        self.call = call
        self.future = future
        self.enqueued = enqueued
        self.deadline = deadline
        self.attempts = 0
        self.wanted = True  # False once the client has left or the deadline has passed
        self.answered = False
        self.stream: ChunkStream | None = None

    def answer(self, answer: Answer) -> None:
        """Give the answer to whoever waits; a second one is dropped."""
        self.answered = True
        if not self.future.done():
            self.future.set_result(answer)


class ChunkStream:
    """The chunks of a streamed answer, between the worker and the client. The worker's window bounds it."""

    def __init__(self, taken: Callable[[int], None]):
        self._taken = taken
        self._chunks: deque[Chunk] = deque()
        self._arrived = asyncio.Event()

    def put(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self._arrived.set()

    async def chunks(self, heartbeat_seconds: float) -> AsyncIterator[Chunk | None]:
        """The chunks as they come, the last with `end` set; `None` when none came for a while."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                yield chunk
                if chunk.end:
                    return
                self._taken(1)
            self._arrived.clear()
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                yield None
