"""Frames that are read in the event loop of the model, while calls run."""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from modelport.contract.calls import Call, Piece
from modelport.sources.model_loop import event_loop
from modelport.worker.cancellation import CANCEL_SIGNAL, Terminated
from modelport.worker.frames import Acknowledge, FrameError, Kind
from modelport.worker.sent_pieces import AwaitedPieces
from modelport.worker.streams import Window
from modelport.worker.world import handle, nothing

if TYPE_CHECKING:
    from modelport.worker.host import Host


WindowT = TypeVar("WindowT", bound=Window)


class LoopRunner(ABC, Generic[WindowT]):
    """Reads what the server says, and leaves to those who derive how calls run. `run` it once.

    `windows` are those of the streams that are sent, and `pieces` what their clients send. `is_cut` says that
    nobody waits for answers any more.
    """

    def __init__(self, host: Host):
        self.host = host
        self.running = host.running
        self.loop = event_loop()
        self.windows: dict[int, WindowT] = {}
        self.pieces: dict[int, AwaitedPieces] = {}
        self.is_cut = False
        self._channel = host.channel
        self._rest: list[tuple[int, Any]] = []  # frames that are for the serial runner
        self._stop = asyncio.Event()  # no more calls come
        self._is_terminated = False
        self._broken: Exception | None = None  # why nothing more can be read

    def run(self) -> list[tuple[int, Any]]:
        """Answer calls until the server wants no more, or has gone; returns frames that are left to do.

        Raises `Terminated` after SIGTERM, and `FrameError` on a broken stream.
        """
        self.loop.run_until_complete(self._serve())
        if self._is_terminated:
            raise Terminated
        if self._broken is not None:
            raise self._broken
        return self._rest

    @abstractmethod
    def begin(self, call: Call) -> None:
        """Let a call run. It may have been given up already."""

    @abstractmethod
    def give_up(self, call_ids: set[int]) -> None:
        """Nobody waits for these any more: end those that run, and begin none of those that come."""

    @abstractmethod
    async def end(self) -> None:
        """Wait until what runs has ended; where it `is_cut`, end it, and wait for a while."""

    async def _serve(self) -> None:
        control = self.running.control
        handle({CANCEL_SIGNAL: nothing, signal.SIGTERM: self._on_terminate})
        self.loop.add_reader(self._channel.fileno(), self._on_readable)
        if control is not None:
            self.loop.add_reader(control.fileno(), self._on_control)
        self.host.asks.is_attended = True
        try:
            await self._stop.wait()
            await self.end()
        finally:
            self.host.asks.is_attended = False
            self.loop.remove_reader(self._channel.fileno())
            if control is not None:
                self.loop.remove_reader(control.fileno())
            self.running.install()

    def _on_readable(self) -> None:
        try:
            frames = self._channel.receive_ready()
        except (OSError, FrameError) as error:
            frames, self._broken = None, error
        if frames is None:
            self.loop.remove_reader(self._channel.fileno())  # its end can be read for ever
            self.host.asks.end()
            self._cut()
            return
        for number, (kind, message) in enumerate(frames):
            if kind == Kind.CALLS:
                for call in cast("list[Call]", message):
                    self.begin(call)
            elif kind == Kind.ACKNOWLEDGE:
                taken: Acknowledge = message
                window = self.windows.get(taken.id)
                if window is not None:
                    window.take(taken.chunks)
            elif kind == Kind.PIECE:
                piece: Piece = message
                if piece.id in self.pieces:
                    self.pieces[piece.id].put(piece)
            elif kind == Kind.JOB:
                self._rest = frames[number:]
                self._stop.set()
                return
            elif kind == Kind.STOP:
                self._stop.set()
            else:
                self.host.asks.take(kind, message)

    def _on_control(self) -> None:
        self.running.read_cancelled()
        self.give_up(self.running.cancelled)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        self._is_terminated = True
        self.loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        self.is_cut = True
        self._stop.set()
