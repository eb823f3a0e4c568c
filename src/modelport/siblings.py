"""What the server processes of one machine tell and ask each other, through the process that started them.

Each has a socket to that one (`serving.processes`), which passes on what is said, gathers answers, and lends
from what all have together. What can go wrong, and what answers it:

- *A process hangs or dies.* Who asks waits for a bounded time, and gets the answers that there are.
- *One reads too slowly.* What is said to it is dropped beyond `MOST_UNSENT`, and it is told that it has
  missed something: `None` is heard then instead of a body.
- *The one that started them dies.* The socket ends, and each ends in order (`parted`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelport.shared_counts import SharedCounts

log = logging.getLogger("modelport.server")

MOST_UNSENT = 8 << 20  # bytes for one process that wait to be sent
MOST_MESSAGE = 64 << 20
ASK_SECONDS = 2.0  # for the answers of all, where nobody says more
LONG_SECONDS = 15.0  # where an answer that is missing would be told wrong things
HEAD = struct.Struct("!I")

SAY, SAID, MISSED = "say", "said", "missed"
ASK, ASKED, ANSWER, ANSWERS = "ask", "asked", "answer", "answers"
BEGUN, JOINED, IDLE = "begun", "joined", "idle"
LEND, LENT = "lend", "lent"

METRICS = "metrics"  # what is asked by this name, since whoever shows metrics may ask

Hear = Callable[[bytes | None], None]
Tell = Callable[[bytes], Awaitable[bytes]]


class Message(msgspec.Struct, array_like=True, omit_defaults=True):
    """One message, in either direction; `kind` says which of the others mean something."""

    kind: str
    number: int = 0  # of a question
    topic: str = ""
    body: bytes = b""
    bodies: list[bytes] = []
    missing: int = 0
    kept_as: str = ""  # it is said to those, too, who join later, until it is replaced by this name
    numbers: list[float] = []
    left: bytes = b""


class Answers(NamedTuple):
    """What was answered, this process's own among them, and how many answers are missing.

    `left` is what stays of the answers of processes that have ended, where something is counted.
    """

    bodies: list[bytes]
    missing: int
    left: bytes = b""


class Lent(NamedTuple):
    """What was lent of a stretch that ends in so many seconds, and what is left of it beyond."""

    requests: int
    beyond: int
    seconds: float


def framed(message: Message) -> bytes:
    """A message as it goes through a socket."""
    content = msgspec.msgpack.encode(message)
    return HEAD.pack(len(content)) + content


class Unframed:
    """Messages of the bytes that have come. Raises `ValueError` for what is none."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def of(self, data: bytes) -> list[Message]:
        """Those that are whole now."""
        self._rest += data
        found: list[Message] = []
        while len(self._rest) >= HEAD.size:
            (length,) = HEAD.unpack_from(self._rest)
            if length > MOST_MESSAGE:
                raise ValueError("a message of another server process is too large")
            if len(self._rest) < HEAD.size + length:
                break
            content = bytes(self._rest[HEAD.size : HEAD.size + length])
            del self._rest[: HEAD.size + length]
            found.append(msgspec.msgpack.decode(content, type=Message))
        return found


@dataclass(frozen=True)
class Place:
    """Which of how many server processes one is.

    One `is_late` that was started in the place of another one. `steady` is what they add to the monotonic
    clock for the time of leases. `folder_lock` is that on the data folder, which all hold together; an error
    where it cannot be had; `None` where nobody needs it. `connections` is memory that all share, in which
    each tells how many it has, and `calls` counts those that are under way, by who has made them. `folder` is
    one for what all use, where the first process has made it.
    """

    number: int
    of: int
    is_late: bool
    steady: float
    folder_lock: int | OSError | None = None
    calls: SharedCounts | None = None
    connections: memoryview = field(default_factory=lambda: memoryview(bytearray(4)).cast("I"))
    folder: Path | None = None

    @property
    def speaks(self) -> bool:
        """Whether it says what is to be said once for all."""
        return self.number == 0 and not self.is_late


class Siblings:
    """One server process among others. `open` it in its event loop, `close` it at the end."""

    def __init__(self, sock: socket.socket, place: Place):
        self.place = place
        self.parted = asyncio.Event()  # set when the one that started all is gone
        self._socket = sock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._hears: dict[str, Hear] = {}
        self._tells: dict[str, Tell] = {}

    async def open(self) -> None:
        """Begin to hear. Raises `OSError`."""
        self._loop = asyncio.get_running_loop()
        reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        self._running = asyncio.create_task(self._read(reader))

    async def close(self) -> None:
        """Hear and say no more."""
        tasks = [*self._tasks, *([self._running] if self._running is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    # -- this process ------------------------------------------------------------------------------

    def tell_begun(self) -> None:
        """It has begun: what only one may do at a time is done."""
        self._send(Message(BEGUN))

    def tell_joined(self) -> None:
        """It answers requests from now on, and is asked with the others."""
        self._send(Message(JOINED))

    def tell_idle(self) -> None:
        """Nobody uses it at this moment."""
        self._send(Message(IDLE))

    # -- the others --------------------------------------------------------------------------------

    def hear(self, topic: str, hear: Hear) -> None:
        """Call this in the event loop with what others say of a topic; `None`: something was missed."""
        self._hears[topic] = hear

    def hear_no_more(self, topic: str) -> None:
        """The opposite of `hear`."""
        self._hears.pop(topic, None)

    def say(self, topic: str, body: bytes, *, kept_as: str = "") -> None:
        """Tell the others, from any thread; `kept_as` a name those, too, that are started later."""
        message = Message(SAY, topic=topic, body=body, kept_as=kept_as)
        if self._loop is not None and self._loop is asyncio._get_running_loop():
            self._send(message)
        elif self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: this process ends
                self._loop.call_soon_threadsafe(self._send, message)

    def answer(self, topic: str, tell: Tell) -> None:
        """Answer questions of a topic by this."""
        self._tells[topic] = tell

    async def ask(self, topic: str, body: bytes = b"", *, seconds: float = ASK_SECONDS) -> Answers:
        """What all answer, this process among them, within so many seconds."""
        said = await self._asked(Message(ASK, topic=topic, body=body, numbers=[seconds]), seconds)
        if said is None:
            return Answers([await self._tells[topic](body)], self.place.of - 1)
        return Answers(said.bodies, said.missing, said.left)

    async def lend(self, subject: str, requests: int, seconds: int, wanted: int) -> Lent | None:
        """So many requests of a stretch that all share; `None` if nobody lends any more."""
        said = await self._asked(Message(LEND, topic=subject, numbers=[requests, seconds, wanted]))
        return None if said is None else Lent(int(said.numbers[0]), int(said.numbers[1]), said.numbers[2])

    async def _asked(self, message: Message, seconds: float = ASK_SECONDS) -> Message | None:
        """The answer to a message; `None` if there is none in time, or nobody any more who could answer."""
        if self.parted.is_set():
            return None
        number = message.number = next(self._numbers)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._send(message)
            async with asyncio.timeout(seconds + ASK_SECONDS):
                return await future
        except (TimeoutError, ConnectionError):
            return None
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: Message) -> None:
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        if message.kind == SAY and writer.transport.get_write_buffer_size() > MOST_UNSENT:
            return
        writer.write(framed(message))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        unframed = Unframed()
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    for message in unframed.of(data):
                        self._take(message)
        finally:
            self.parted.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("the first process has ended"))

    def _take(self, message: Message) -> None:
        if message.kind == SAID:
            if (hear := self._hears.get(message.topic)) is not None:
                hear(message.body)
        elif message.kind == MISSED:
            for hear in list(self._hears.values()):
                hear(None)
        elif message.kind == ASKED:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            future = self._waiting.get(message.number)
            if future is not None and not future.done():
                future.set_result(message)

    async def _answer(self, message: Message) -> None:
        tell, body = self._tells.get(message.topic), b""
        try:
            body = b"" if tell is None else await tell(message.body)
        except Exception:  # a bug: nobody is to wait for it
            log.exception("%s: another server process could not be answered", message.topic)
        self._send(Message(ANSWER, number=message.number, body=body))
