"""The place of one worker on a node of the cluster, as the server sees it: its link, and what came by it.

Two attempts of a job must not run at once, on no two nodes. So the node ends the process of a job by itself
once it has heard nothing of the server for `LEASE_SECONDS`; and the server takes one for gone only when it
has heard of its end, or has said nothing to its node for longer than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from typing import Protocol

from modelport.engine.output import Lines
from modelport.engine.ray.links import (
    SECRET_BYTES,
    Alive,
    AskToStop,
    Begin,
    BrokenLink,
    Cancel,
    Ended,
    Kill,
    Printed,
    Show,
    Shown,
    Size,
    Started,
    Synced,
    Terminate,
    ToActor,
    of_actor,
    send,
)
from modelport.engine.ray.relay import Relay
from modelport.settings import Settings
from modelport.worker.cancellation import MARKER_BYTES
from modelport.worker.frames import Load

log = logging.getLogger("modelport.engine")

START_SECONDS = 60.0  # from the first connection of an actor to the start of its worker
LEASE_SECONDS = 10.0  # which a server's own claim of a job outlives
BEAT_SECONDS = 2.0
REST_SECONDS = 60.0  # for what a process has sent and nobody has read before its end: it may be held back
SURE_SECONDS = LEASE_SECONDS + 1.0
SHOW_MORE = 5.0  # seconds beside the grace of a call for which it is told which calls run


class Cluster(Protocol):
    """What has the places of an engine."""

    def ask_for(self, place: RayPlace) -> None: ...
    def let_go(self, place: RayPlace) -> None: ...


class RayPlace:
    """Where one worker runs: nowhere, until the cluster has room for it and its actor has connected."""

    pid = 0
    has_own_process = True
    printed = None
    lender = None

    def __init__(self, cluster: Cluster, load: Load, begin: Begin, output: Lines, settings: Settings):
        self.secret = secrets.token_bytes(SECRET_BYTES)
        self.is_of_job = bool(begin.lease_seconds)
        self._relay = Relay(self._say) if self.is_of_job else None
        self._sure_seconds = SURE_SECONDS if self.is_of_job else 0.0
        self.exit_seconds = 5.0 + self._sure_seconds
        self.name = load.name
        self.settings = settings
        self.marker = bytearray(MARKER_BYTES)
        self.has_begun = False
        self.is_gone = False
        self.attempts = 0  # at placing it
        loop = asyncio.get_running_loop()
        self.link: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = loop.create_future()
        self.channel: asyncio.Future[socket.socket] = loop.create_future()
        self._cluster = cluster
        self._begin = begin
        self._output = output
        self._size = 0
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_wanted = True
        self._on_end: Callable[[str], None] | None = None
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self._reason = ""

    async def start(self, on_end: Callable[[str], None]) -> socket.socket:
        """Wait until the cluster has room, and the worker has been started there; see `WorkerPlace`."""
        self._on_end = on_end
        self._cluster.ask_for(self)
        try:
            reader, writer = await self.link
            self._writer = writer
            self.has_begun = True
            self._tasks.append(asyncio.create_task(self._listen(reader, writer)))
            send(writer, self._begin)
            if self.is_of_job:
                self._tasks.append(asyncio.create_task(self._beat()))
            async with asyncio.timeout(START_SECONDS):
                channel = await self.channel
                await self._started.wait()
        except TimeoutError:
            self.is_gone = True
            raise OSError(f"its node did not start it within {START_SECONDS:g} s") from None
        if self._ended.is_set():
            raise OSError(self._reason)
        return channel if self._relay is None else self._relay.begin(channel)

    async def _beat(self) -> None:
        """Let the node know that the process is wanted, for as long as it is."""
        while True:
            if not self._is_wanted or not self._say(Alive()):
                return
            await asyncio.sleep(BEAT_SECONDS)

    def tell_waits(self, why: str) -> None:
        """Say in the log of the job whose process this is why it waits."""
        if self.is_of_job:
            self._output.add(f"[waits for a place: {why}]".encode())

    def fail(self, why: str) -> None:
        """It cannot be placed: `start` raises that."""
        for waiting in (self.link, self.channel):
            if not waiting.done():
                waiting.set_exception(OSError(why))
                waiting.exception()  # it has been seen, even if nobody waits
        self._end(why)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not isinstance(message := await of_actor(reader), Ended):
                self._take(message)
            self.is_gone = message.is_lost
            self.marker[: len(message.marker)] = message.marker[:MARKER_BYTES]
            if self._relay is not None:
                self._relay.end_link()
                await self._relay.done(REST_SECONDS)
            self._end(message.reason)
        except BrokenLink as error:
            self.is_gone = True
            writer.close()
            self.marker[:] = bytes(MARKER_BYTES)  # which call it ran then, nobody knows
            if self._relay is not None:
                self._relay.end_link()
                await asyncio.sleep(self._sure_seconds)
            self._end(f"its actor or its node is gone: {error}")
        finally:
            writer.close()

    def _take(self, message: Started | Printed | Shown | Synced | Size) -> None:
        if isinstance(message, Started):
            log.info("%s: a worker starts on %s", self.name, message.node)
            self._started.set()
        elif isinstance(message, Printed):
            self._output.add(message.line)
        elif isinstance(message, Shown):
            self.marker[: len(message.marker)] = message.marker[:MARKER_BYTES]
        elif isinstance(message, Synced):
            if self._relay is not None:
                self._relay.synced(message.number)
        else:
            self._size = message.size

    def _end(self, reason: str) -> None:
        if self._ended.is_set():
            return
        self._reason = reason
        self._ended.set()
        self._started.set()  # nobody need wait for that any more
        if not self.channel.done():
            self.channel.set_exception(OSError(reason))
            self.channel.exception()
        self._cluster.let_go(self)
        if self.has_begun and self._on_end is not None:
            self._on_end(reason)

    def _say(self, message: ToActor) -> bool:
        if self._writer is None or self._writer.is_closing() or self._ended.is_set():
            return False
        send(self._writer, message)
        return True

    def told(self, load: Load) -> Load:
        """The same: its node sees the server's files, or would not have started it."""
        return load

    def cancel(self, call_id: int) -> bool:
        """Tell it of a cancelled call, and be told which calls run from now on, for a while."""
        return self._say(Cancel(call_id)) and self._say(Show(self.settings.kill_grace + SHOW_MORE))

    def ask_to_stop(self, asked: bool) -> None:
        """Raise or lower the flag that a job looks at."""
        self._say(AskToStop(asked))

    def resident_bytes(self) -> int:
        """The memory of its process, as it was told last."""
        return self._size

    def terminate(self) -> None:
        """Send SIGTERM to it alone."""
        self._say(Terminate())

    def kill(self) -> None:
        """Kill it; what is not placed yet will not be."""
        self._is_wanted = False
        if not self._say(Kill()) and not self.has_begun:
            self.fail("it was ended before it had a place")

    async def ended(self, seconds: float) -> bool:
        """Wait for its end, no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    async def clean_up(self, output_seconds: float) -> None:
        """Let go of the link: its actor ends all that is left there. Its output has come before its end."""
        if not self.has_begun:
            self.kill()
        await self.ended(max(output_seconds, self._sure_seconds))
        for task in self._tasks:
            task.cancel()
        if self._relay is not None:
            self._relay.close()
        if self.channel.done() and self.channel.exception() is None and self._writer is None:
            self.channel.result().close()
        self._cluster.let_go(self)
