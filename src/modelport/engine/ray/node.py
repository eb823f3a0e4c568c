"""What an actor of Ray does: it starts one worker on its node, for a server, and stays until that has ended.

It is a small supervisor. The worker has the actor's connection to the server for its frames; what else the
server does to a worker of its own machine (a cancellation, a signal, a look at which calls run) comes by the
link and is done here. When the server is gone, or says so, nothing of the worker is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import socket

from modelport.engine.after_death import DeathWatch
from modelport.engine.local.process import LocalProcess
from modelport.engine.ray.links import (
    CHANNEL,
    LINK,
    MAGIC,
    WELCOME,
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
    Sync,
    Synced,
    Terminate,
    ToActor,
    ToServer,
    keep_alive,
    of_server,
    send,
)
from modelport.engine.spool import Spool

CONNECT_SECONDS = 20.0
SHOW_SECONDS = 0.05  # between two looks at which calls run
OUTPUT_SECONDS = 0.5  # how long what a worker has printed may still come after its end


class Node:
    """The actor. Ray makes it on the node that has what its worker needs."""

    def run(self, host: str, port: int, secret: bytes) -> str:
        """Run one worker for the server at this address; returns how that has ended.

        Raises `OSError` if the server cannot be reached from here.
        """
        return asyncio.run(run_worker(host, port, secret))


async def run_worker(host: str, port: int, secret: bytes) -> str:
    """Connect to the server, and run the worker that it asks for."""
    async with asyncio.timeout(CONNECT_SECONDS):
        link = await connected(host, port, LINK + secret)
        reader, writer = await asyncio.open_connection(sock=link)
        begin = await of_server(reader)
        if not isinstance(begin, Begin):
            raise BrokenLink("the server did not say what to start")
        channel = await connected(host, port, CHANNEL + secret)
    channel.setblocking(True)
    try:
        return await Supervisor(begin, reader, writer).run(channel)
    finally:
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()


async def connected(host: str, port: int, hello: bytes) -> socket.socket:
    """A connection that the server has taken for what it says to be. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    [place, *_] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    connection = socket.socket(place[0], socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        keep_alive(connection)
        await loop.sock_connect(connection, place[4])
        await loop.sock_sendall(connection, MAGIC + hello)
        if await loop.sock_recv(connection, len(WELCOME)) != WELCOME:
            raise ConnectionRefusedError(f"the server at {host}:{port} does not know this worker any more")
    except BaseException:
        connection.close()
        raise
    return connection


class Supervisor:
    """Starts one worker, does to it what the server says, and tells how it goes."""

    def __init__(self, begin: Begin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._begin = begin
        self._reader = reader
        self._writer = writer
        self._clock = asyncio.get_running_loop().time
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._shows_until = 0.0
        self._showing: asyncio.Task[None] | None = None
        self._is_lost = False  # its worker, to a server that was not heard of in time

    def add(self, line: bytes) -> None:
        """A line that the worker has printed, and that is told."""
        self._tell(Printed(line))

    async def run(self, channel: socket.socket) -> str:
        """Run the worker with this channel until it has ended; returns how."""
        with contextlib.suppress(OSError):  # as on the server's machine, if this has it: paths begin there
            os.chdir(self._begin.folder)
        spool = Spool()
        spool.open()
        watch = DeathWatch(spool.root)  # should this actor be killed
        process = LocalProcess(self, spool.root, self._begin.variables, nice=self._begin.nice)
        tasks: list[asyncio.Task[None]] = []
        try:
            self._check_folders()
            with channel:
                process.begin(channel, self._on_end)
            self._tell(Started(process.pid, platform.node()))
            tasks.append(asyncio.create_task(self._obey(process)))
            if self._begin.size_seconds:
                tasks.append(asyncio.create_task(self._measure(process)))
            reason = await self._ended
            marker = bytes(process.marker)
            process.kill()
            await process.clean_up(OUTPUT_SECONDS)
            self._tell(Ended(reason, marker, self._is_lost))
            return reason
        except OSError as error:
            self._tell(Ended(str(error)))
            return str(error)
        finally:
            for task in tasks:
                task.cancel()
            process.kill()
            await process.clean_up(0.0)
            spool.close()
            watch.end()

    def _check_folders(self) -> None:
        """Raise `OSError` for a folder of the server that cannot be written to from here."""
        for folder, name in self._begin.sees.items():
            if not os.access(folder, os.W_OK):
                raise OSError(
                    f"this node, {platform.node()}, does not see the server's files in {folder}: let {name} "
                    "be a folder that all nodes share"
                )

    def _on_end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)

    def _tell(self, message: ToServer) -> None:
        if not self._writer.is_closing():
            send(self._writer, message)

    async def _obey(self, process: LocalProcess) -> None:
        """Do what the server says, until it is gone, or has said nothing for too long.

        Another attempt of the job may begin elsewhere then: nothing of this one may be left.
        """
        seconds = self._begin.lease_seconds
        try:
            while True:
                async with asyncio.timeout(seconds or None):
                    message = await of_server(self._reader)
                self._do(process, message)
        except BrokenLink as error:
            process.kill()
            self._on_end(f"the server: {error}")
        except TimeoutError:
            self._is_lost = not self._ended.done()
            process.kill()
            self._on_end(f"the server has said nothing for {seconds:g} s")

    def _do(self, process: LocalProcess, message: ToActor) -> None:
        if isinstance(message, Cancel):
            process.cancel(message.call)
        elif isinstance(message, Show):
            self._shows_until = self._clock() + message.seconds
            if self._showing is None or self._showing.done():
                self._showing = asyncio.create_task(self._show(process))
        elif isinstance(message, AskToStop):
            process.ask_to_stop(message.asked)
        elif isinstance(message, Terminate):
            process.terminate()
        elif isinstance(message, Kill):
            process.kill()
        elif isinstance(message, Sync):
            if process.printed is not None:
                process.printed.drain(to_end=message.to_end)
            self._tell(Synced(message.number))

    async def _show(self, process: LocalProcess) -> None:
        shown = b""
        while self._clock() < self._shows_until and not self._ended.done():
            now = bytes(process.marker)
            if now != shown:
                self._tell(Shown(now))
                shown = now
            await asyncio.sleep(SHOW_SECONDS)

    async def _measure(self, process: LocalProcess) -> None:
        while not self._ended.done():
            self._tell(Size(process.resident_bytes()))
            await asyncio.sleep(self._begin.size_seconds)
