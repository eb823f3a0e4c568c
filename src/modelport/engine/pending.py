"""One call on its way: waiting in the queue, running in a worker, or streaming its answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeAlias

from modelport.contract.calls import Answer, Call, Chunk, Piece
from modelport.worker.awaited_window import AwaitedWindow
from modelport.worker.frames import Acknowledge, Kind

Deliver: TypeAlias = "Callable[[Pending, Answer], None]"

# What became of a call that was given up.
BEFORE_IT_RAN, STOPPED, KILLED = "before it ran", "stopped", "SIGKILL"


class Pending:
    """A call, and who is told its answer, once. `deadline` is in seconds of the loop's clock.

    `lost` says how its worker ended, if that is why it has no other answer. `on_let_go` is told once what
    became of a call that was given up: where it was, or what it took to stop it.
    """

    attempts = 0
    worker: Any = None  # that has it, or had it last
    cancellation = 0  # which of its worker told that of this call, from 1
    wanted = True  # False once the client has left or the deadline has passed
    stream: ChunkStream | None = None
    pieces: PieceStream | None = None
    lost = ""
    sent: Any = None  # of one that is traced: when it went to a worker (`engine.spans`)
    on_let_go: Callable[[str], None] | None = None

    def __init__(self, call: Call, deliver: Deliver, enqueued: float, deadline: float):
        self.call = call
        self.deliver: Deliver = deliver
        self.enqueued = enqueued
        self.deadline = deadline

    def answer(self, answer: Answer) -> None:
        """Give the answer to whoever waits; a second one is dropped."""
        deliver, self.deliver = self.deliver, _nobody  # let go: who waits for a call refers to it, too
        deliver(self, answer)

    def begin_stream(self, send: Callable[[Kind, Any], None]) -> None:
        """The answer comes piece by piece; `send` sends frames to the worker that streams it."""
        self.stream = ChunkStream(lambda chunks: send(Kind.ACKNOWLEDGE, Acknowledge(self.call.id, chunks)))
        if self.call.verb == "stream":
            self.pieces = PieceStream(self.call.id, lambda piece: send(Kind.PIECE, piece))

    def let_go(self, how: str) -> None:
        """No worker has this call, which was given up, any more."""
        told, self.on_let_go = self.on_let_go, None
        if told is not None:
            told(how)


def _nobody(pending: Pending, answer: Answer) -> None:
    """Who is told of a second answer."""


class PieceStream:
    """What the client of a stream sends, on its way to the worker, no further ahead of it than a window."""

    def __init__(self, call_id: int, send: Callable[[Piece], None]):
        self._call_id = call_id
        self._send = send
        self.window = AwaitedWindow()

    async def put(self, data: bytes, *, text: bool) -> None:
        """Send a message, and wait until there may be another one."""
        self._send(Piece(self._call_id, data, text))
        self.window.put(len(data))
        await self.window.has_room()

    def end(self) -> None:
        """No more will come."""
        self._send(Piece(self._call_id, end=True))


def pieces_taken(in_flight: Mapping[int, Pending], taken: Acknowledge) -> None:
    """A model has taken what the client of a stream has sent."""
    pending = in_flight.get(taken.id)
    if pending is not None and pending.pieces is not None:
        pending.pieces.window.take(taken.chunks)


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
