"""The frames of a job's process in their order among what goes by the link.

A live worker's frames need none: each line that it prints says of which call it is. What the code of a job
prints belongs to the job whose turn it is, before what the job has reported since; and the flag that asks one
job to stop must be down before the next one begins. On one machine that is so by itself. Here each piece of
frames, either way, waits for the actor to say that all before it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable

from modelport.engine.ray.links import Sync, ToActor
from modelport.worker.frames import READ_BYTES, FrameBuffer, FrameError, Kind


class Relay:
    """Hands on the frames of one process. `say` sends by its link; false once that is over."""

    def __init__(self, say: Callable[[ToActor], bool]):
        self._say = say
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._link_is_over = False
        self._handing_on: asyncio.Task[None] | None = None

    def begin(self, channel: socket.socket) -> socket.socket:
        """Hand on what comes by the channel, and what is sent by the socket that is returned."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._handing_on = asyncio.get_running_loop().create_task(self._hand_on(channel, theirs))
        return ours

    async def _hand_on(self, channel: socket.socket, server: socket.socket) -> None:
        with channel, server:
            await asyncio.gather(self._to_server(channel, server), self._to_process(server, channel))

    async def _to_server(self, channel: socket.socket, server: socket.socket) -> None:
        loop, frames = asyncio.get_running_loop(), FrameBuffer()
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(channel, READ_BYTES):
                await self._in_step(to_end=_has_answers(frames, data))
                await loop.sock_sendall(server, data)
        _end_writing(server)

    async def _to_process(self, server: socket.socket, channel: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(server, READ_BYTES):
                await self._in_step()
                await loop.sock_sendall(channel, data)
        _end_writing(channel)

    async def _in_step(self, *, to_end: bool = False) -> None:
        """Wait until the actor has done what was said, and has told what was printed, before this."""
        if self._link_is_over:  # then all has been told
            return
        number = next(self._numbers)
        self._asked[number] = done = asyncio.get_running_loop().create_future()
        if self._say(Sync(number, to_end)):
            await done

    def synced(self, number: int) -> None:
        """The actor has done all that it was told before this number."""
        done = self._asked.pop(number, None)
        if done is not None and not done.done():
            done.set_result(None)

    def end_link(self) -> None:
        """The link is over: what still comes waits for nothing."""
        self._link_is_over = True
        for number in list(self._asked):
            self.synced(number)

    async def done(self, seconds: float) -> None:
        """Wait until all that the process has sent was read, but no longer than this."""
        if self._handing_on is not None:
            await asyncio.wait([self._handing_on], timeout=seconds)

    def close(self) -> None:
        """Hand on nothing more."""
        if self._handing_on is not None:
            self._handing_on.cancel()


def _has_answers(frames: FrameBuffer, data: bytes) -> bool:
    """Whether a job has ended with this: what is printed after it is not in a line with what was before."""
    try:
        return any(kind == Kind.ANSWERS for kind, _ in frames.feed(data))
    except FrameError:  # who reads the frames finds that, too
        return False


def _end_writing(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_WR)
