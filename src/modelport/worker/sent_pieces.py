"""What the client of a stream sends, as it comes in its worker.

The server sends no more than a window of pieces that were not taken, and taken is a piece when the model's
code asks for the next one: what a model does not read, its client cannot send.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from modelport.contract.calls import Piece
from modelport.worker.frames import Acknowledge, FrameSocket, Kind

Look = Callable[[Piece], None]  # at a piece that the model is about to take; it raises what is wrong with it


class _Come:
    """Pieces that have come, and that the model has not asked for."""

    def __init__(self, call_id: int, channel: FrameSocket, look: Look):
        self._call_id = call_id
        self._channel = channel
        self._look = look
        self._pieces: deque[Piece] = deque()
        self._has_ended = False

    def put(self, piece: Piece) -> None:
        """A piece has come."""
        self._pieces.append(piece)

    @property
    def _is_waiting(self) -> bool:
        """Whether nothing can be said to the model yet."""
        return not (self._pieces or self._has_ended)

    def _take(self) -> Piece | None:
        """The next piece; `None` once there are no more. Raises what is wrong with it."""
        if self._has_ended or self._pieces[0].end:
            self._has_ended = True
            return None
        piece = self._pieces.popleft()
        self._channel.send(Kind.PIECES_TAKEN, Acknowledge(self._call_id, 1))
        self._look(piece)
        return piece


class SentPieces(_Come):
    """Pieces for code that waits for them on the thread that reads frames. `hear` reads one frame, which may
    be one for `put`.
    """

    def __init__(self, call_id: int, channel: FrameSocket, look: Look, hear: Callable[[], None]):
        super().__init__(call_id, channel, look)
        self._hear = hear

    def put(self, piece: Piece) -> None:
        """A piece has come, of this call or of another one."""
        if piece.id == self._call_id:
            super().put(piece)

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        while self._is_waiting:
            self._hear()
        piece = self._take()
        if piece is None:
            raise StopIteration
        return piece

    def __aiter__(self) -> SentPieces:
        return self

    async def __anext__(self) -> Piece:
        """For a worker that has no process of its own, where nothing runs beside."""
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None


class AwaitedPieces(_Come):
    """Pieces for a task of the event loop that reads frames."""

    def __init__(self, call_id: int, channel: FrameSocket, look: Look):
        super().__init__(call_id, channel, look)
        self._come = asyncio.Event()

    def put(self, piece: Piece) -> None:
        """A piece has come."""
        super().put(piece)
        self._come.set()

    def __aiter__(self) -> AwaitedPieces:
        return self

    async def __anext__(self) -> Piece:
        while self._is_waiting:
            self._come.clear()
            await self._come.wait()
        piece = self._take()
        if piece is None:
            raise StopAsyncIteration
        return piece
