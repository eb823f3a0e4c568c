"""What server and actor say to each other beside a worker's frames, and how connections prove whose they are.

An actor makes two connections: a link, for these messages, and the channel, for the frames of its worker.
Each begins with a hello of a fixed size, with the secret of that one start; the server answers with one byte,
and only then anything else is sent.

    hello    magic, what the connection is for (1 byte), secret (32 bytes)
    message  length u32 big endian, msgpack
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import msgspec

MAGIC = b"modelport ray 1\n"
LINK, CHANNEL = b"L", b"C"
SECRET_BYTES = 32
HELLO_BYTES = len(MAGIC) + 1 + SECRET_BYTES
WELCOME = b"+"
LENGTH = struct.Struct(">I")
MOST_BYTES = 1 << 20  # of a message
# A machine that has vanished without a word is noticed in about half a minute.
KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


class Begin(msgspec.Struct, tag=True, array_like=True):
    """Server: start the worker, with these variables beside the node's, in this folder if it is there.

    `sees` are folders of the server that the node has to see, each with the setting that names it. The size
    of the process is told each `size_seconds`, never if that is 0. The process of a job is so `nice`, and is
    ended if the server says nothing for `lease_seconds`.
    """

    variables: dict[str, str]
    folder: str
    sees: dict[str, str]
    size_seconds: float = 0.0
    nice: int = 0
    lease_seconds: float = 0.0


class Cancel(msgspec.Struct, tag=True, array_like=True):
    """Server: nobody waits for this call any more."""

    call: int


class Show(msgspec.Struct, tag=True, array_like=True):
    """Server: tell which calls run, whenever that changes, for so many seconds."""

    seconds: float


class AskToStop(msgspec.Struct, tag=True, array_like=True):
    """Server: raise the flag of a job, or lower it."""

    asked: bool


class Terminate(msgspec.Struct, tag=True, array_like=True):
    """Server: send SIGTERM to the worker."""


class Kill(msgspec.Struct, tag=True, array_like=True):
    """Server: kill the worker and what it has started."""


class Alive(msgspec.Struct, tag=True, array_like=True):
    """Server: it is there, and wants the process of the job as before."""


class Sync(msgspec.Struct, tag=True, array_like=True):
    """Server: say when all that was said before is done, and all is told that was printed before.

    `to_end`: what stands there as half a line is a line, too.
    """

    number: int
    to_end: bool


class Started(msgspec.Struct, tag=True, array_like=True):
    """Actor: the worker has been started, on this node."""

    pid: int
    node: str


class Printed(msgspec.Struct, tag=True, array_like=True):
    """Actor: a line that the worker has printed."""

    line: bytes


class Shown(msgspec.Struct, tag=True, array_like=True):
    """Actor: which calls run, as the worker's marker has it."""

    marker: bytes


class Synced(msgspec.Struct, tag=True, array_like=True):
    """Actor: the answer to `Sync`."""

    number: int


class Size(msgspec.Struct, tag=True, array_like=True):
    """Actor: the resident memory of the worker."""

    size: int


class Ended(msgspec.Struct, tag=True, array_like=True):
    """Actor: the worker has ended, or could not be started; which calls ran then. Nothing follows.

    It `is_lost` if it was ended because the server was not heard of in time: its code is not to blame.
    """

    reason: str
    marker: bytes = b""
    is_lost: bool = False


ToActor = Begin | Cancel | Show | AskToStop | Terminate | Kill | Alive | Sync
ToServer = Started | Printed | Shown | Synced | Size | Ended
_encode = msgspec.msgpack.Encoder().encode
_OF_SERVER = msgspec.msgpack.Decoder(ToActor)
_OF_ACTOR = msgspec.msgpack.Decoder(ToServer)


class BrokenLink(Exception):
    """The other side does not keep to the protocol, or is gone."""


def send(writer: asyncio.StreamWriter, message: ToActor | ToServer) -> None:
    """Send a message, soon; nothing happens once the link is closed."""
    data = _encode(message)
    writer.write(LENGTH.pack(len(data)) + data)


async def of_server(reader: asyncio.StreamReader) -> ToActor:
    """The next message of the server. Raises `BrokenLink`."""
    return await _received(reader, _OF_SERVER)


async def of_actor(reader: asyncio.StreamReader) -> ToServer:
    """The next message of an actor. Raises `BrokenLink`."""
    return await _received(reader, _OF_ACTOR)


async def _received(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    try:
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        if length > MOST_BYTES:
            raise BrokenLink(f"a message of {length} bytes is over {MOST_BYTES}")
        return decoder.decode(await reader.readexactly(length))
    except (OSError, asyncio.IncompleteReadError) as error:
        raise BrokenLink("the connection is closed") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrokenLink(f"a broken message: {error}") from error


def keep_alive(connection: socket.socket) -> None:
    """Send at once what is to be sent, and notice when the other machine is gone."""
    for level, option, value in KEEP_ALIVE:
        connection.setsockopt(level, option, value)
