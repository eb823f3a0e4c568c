"""Frames between a server and a worker: a fixed header, then a message.

    length  u32, big endian, of the message (at most `MAX_MESSAGE`)
    kind    u8, a `Kind`

Messages are msgpack made by msgspec; a request's body travels in one as raw bytes, exactly as it came
(large bodies and files as paths). Nothing is ever pickled. A frame that breaks these rules means a
broken worker: the stream is not read further.
"""

from __future__ import annotations

import mmap
import socket
import struct
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from modelport.contract.calls import Answer, Call, Chunk, Piece, Upload
from modelport.contract.current_job import ReportType
from modelport.contract.current_worker import CurrentWorker
from modelport.contract.model_options import ModelOptions
from modelport.contract.signature import Signature
from modelport.contract.traces import Span
from modelport.guards.table_limits import TableLimits
from modelport.memory import unfilled
from modelport.sources.source import SourceKind
from modelport.worker.body_slots import BorrowedSlots, Lender
from modelport.worker.large_bodies import joined, parted

HEADER = struct.Struct(">IB")
MAX_MESSAGE = 64 * 1024 * 1024
READ_BYTES = 256 << 10  # of the stream, at once
FIRST_BYTES = 64 << 10  # that a worker reads where no frame has begun: they are copied once more


class Kind(IntEnum):
    """What a frame carries, and who sends it."""

    LOAD = 1  # server: what to load, the first frame
    CALLS = 2  # server: calls to make
    ACKNOWLEDGE = 3  # server: chunks of a stream that were taken
    STOP = 4  # server: finish what runs, then end
    JOB = 5  # server: a job to run, its call and those that are run together with it
    ASKED = 6  # server: the answer to what a model has asked of another one
    ASKED_CHUNK = 7  # server: the next piece of such an answer
    GO_ON = 8  # server: what the model asks for is what its process has
    PIECE = 9  # server: what the client of a stream has sent
    STATE = 10  # worker: loading, warming
    READY = 11  # worker: the signature
    FAILED = 12  # worker: the model cannot be served
    ANSWERS = 13  # worker: answers to calls
    CHUNK = 14  # worker: the next piece of a stream
    REPORT = 15  # worker: progress, a metric or an artifact of the job
    ASK = 20  # worker: its model asks another one
    ASK_TAKEN = 21  # worker: chunks of an answer that were taken
    ASK_GIVEN_UP = 22  # worker: nobody waits for this answer any more
    SPANS = 17  # worker: parts of a trace that are over
    PIECES_TAKEN = 18  # worker: pieces that its model took
    CALLS_AND_BODIES = 23  # server: calls to make, as `large_bodies` has them; who receives it sees CALLS
    SETTINGS = 16  # worker: those that the model asks for, before it is made; it waits for GO_ON


class FrameError(Exception):
    """The other side does not keep to the protocol."""


class Load(msgspec.Struct, array_like=True):
    """What a worker has to load, and the rules for its answers.

    `name`, `kind`, `target`, `attribute`, `options`, `saved` are the fields of a source; `spool` is the
    folder under which calls have their own folders. `hide_errors` and `max_rows` (0: any number) are for the
    dialects of the root; `tables` bounds the tables of every call. One that `may_ask` tells the settings of
    its model before it makes it. `worker` is what the process may use, and `variables` are those that it is
    started with, beside the server's. `watched` says that the files of the model are to be told. With
    `has_others` the model may ask others of its server. What it prints is marked by `print_token`, if there
    is one (see `worker.marked_lines`).
    """

    name: str
    kind: SourceKind
    target: str
    attribute: str
    spool: str
    warm: bool = True
    stringify: bool = False
    allow_nan: bool = False
    allow_url_inputs: bool = False
    max_url_bytes: int = 1 << 30
    json_depth: int = 64
    options: ModelOptions = ModelOptions()
    hide_errors: bool = False
    max_rows: int = 0
    saved: str = ""
    tables: TableLimits = TableLimits()
    may_ask: bool = False
    worker: CurrentWorker = CurrentWorker()
    variables: dict[str, str] = {}
    watched: bool = False
    has_others: bool = False
    print_token: str = ""


class Ready(msgspec.Struct, array_like=True):
    """A worker is ready, after so many seconds of loading and of warming.

    `files` are those that its model consists of, if they are watched.
    """

    signature: Signature
    load_seconds: float
    warm_seconds: float
    files: list[str] = []

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.load_seconds + self.warm_seconds


class State(msgspec.Struct, array_like=True):
    """What a starting worker is doing: `loading` or `warming`."""

    state: str


class Failed(msgspec.Struct, array_like=True):
    """The model cannot be served: the reason for its owner, and the traceback for the log.

    `own` is what of it is of the model's own code; `files` as in `Ready`.
    """

    message: str
    traceback: str = ""
    own: str = ""
    files: list[str] = []


class Acknowledge(msgspec.Struct, array_like=True):
    """How many more chunks of a stream the client took, or pieces the model."""

    id: int
    chunks: int


class JobOrder(msgspec.Struct, array_like=True):
    """A job to run: its call, and the folder that holds its inputs, checkpoints and artifacts.

    `stays` says that other jobs may follow in the same process. `together` has the calls of further jobs, of
    a model that takes several at once: this one speaks for all.
    """

    call: Call
    job_id: str
    attempt: int
    folder: str
    stays: bool = False
    together: list[Call] = []


class Report(msgspec.Struct, array_like=True):
    """What the code of a job says, and its data."""

    type: ReportType
    data: dict[str, Any]


class Ask(msgspec.Struct, array_like=True, omit_defaults=True):
    """A prediction that a model asks another one for, on behalf of its own `calls`: one, or those of a batch.

    The answer has `number` in place of a call's id. `body`, or the file `body_path`, has the arguments but
    for files, as the dialect `asked` reads them; `uploads` are the files. With `streams` a stream comes in
    chunks, otherwise as a list. After `seconds` nobody waits any more. `trace` is
    where it stands in the trace of who asks.
    """

    number: int
    calls: list[int]
    model: str
    content_type: str
    body: bytes = b""
    body_path: str = ""
    uploads: list[Upload] = []
    streams: bool = False
    seconds: float | None = None
    trace: list[str] = []


_ENCODER = msgspec.msgpack.Encoder()
_TYPES: dict[int, Any] = {
    Kind.LOAD: Load,
    Kind.CALLS: list[Call],
    Kind.ACKNOWLEDGE: Acknowledge,
    Kind.STOP: None,
    Kind.JOB: JobOrder,
    Kind.GO_ON: None,
    Kind.PIECE: Piece,
    Kind.STATE: State,
    Kind.READY: Ready,
    Kind.FAILED: Failed,
    Kind.ANSWERS: list[Answer],
    Kind.CHUNK: Chunk,
    Kind.REPORT: Report,
    Kind.ASKED: Answer,
    Kind.ASKED_CHUNK: Chunk,
    Kind.ASK: Ask,
    Kind.ASK_TAKEN: Acknowledge,
    Kind.ASK_GIVEN_UP: int,
    Kind.SETTINGS: dict[str, Any],
    Kind.SPANS: list[Span],
    Kind.PIECES_TAKEN: Acknowledge,
}
_DECODERS: dict[int, Callable[[bytes | bytearray | memoryview], Any]] = {
    k: msgspec.msgpack.Decoder(t).decode for k, t in _TYPES.items()
}
_DECODERS[Kind.CALLS_AND_BODIES] = joined


def encode(kind: Kind, message: Any) -> bytes:
    """One frame. Raises `FrameError` if the message is too large, or has text that is none."""
    try:
        data = _ENCODER.encode(message)
    except UnicodeEncodeError as error:  # what was made of bytes that are no UTF-8, such as a path's
        raise FrameError(f"a {kind.name} message has text that is no UTF-8: {error.object[:200]!a}") from None
    if len(data) > MAX_MESSAGE:
        raise FrameError(f"a {kind.name} message of {len(data)} bytes is over {MAX_MESSAGE}")
    return HEADER.pack(len(data), kind) + data


def framed(kind: Kind, message: Any, lender: Lender | None = None) -> list[bytes]:
    """One frame in pieces: large bodies of calls are pieces of their own, and not copied.

    Those that the lender may lend to the receiver are lent, and not in it. Raises `FrameError` as `encode`.
    """
    parts = parted(message, lender and lender.number_of) if kind is Kind.CALLS else None
    if parts is None:
        return [encode(kind, message)]
    head, bodies, slots = parts
    length = len(head) + sum(map(len, bodies))
    if length > MAX_MESSAGE:
        raise FrameError(f"a {kind.name} message of {length} bytes is over {MAX_MESSAGE}")
    if lender is not None:
        lender.lend(slots)
    return [HEADER.pack(length, Kind.CALLS_AND_BODIES) + head, *bodies]


def decode(kind: int, data: bytes | bytearray | memoryview, slots: BorrowedSlots | None = None) -> Any:
    """The message of a frame, with bodies in the slots of this process. Raises `FrameError`."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise FrameError(f"unknown frame kind {kind}")
    try:
        return joined(data, slots) if kind == Kind.CALLS_AND_BODIES else decoder(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"a broken frame of kind {kind}: {error}") from error


Message: TypeAlias = bytes | bytearray


class FrameBuffer:
    """Bytes in, whole frames out, however the bytes were cut.

    Most frames come whole. What is missing of one that does not has its place already, where it can be read
    to: a large one is copied no more than that.
    """

    __slots__ = ("_begun", "_data", "_kind", "_message")

    def __init__(self) -> None:
        self._data = b""  # of a header
        self._kind = 0
        self._message: bytearray | None = None  # that is there in part
        self._begun = 0  # bytes of it

    def feed(self, data: bytes | memoryview) -> list[tuple[int, Message]]:
        """The frames that `data` completes, as kind and message. Raises `FrameError` on one too large."""
        frames: list[tuple[int, Message]] = []
        start = 0
        if self._message is not None:
            missing = memoryview(self._message)[self._begun :]
            start = min(len(missing), len(data))
            missing[:start] = memoryview(data)[:start]
            frames += self.read(start)
        elif self._data:
            data, self._data = b"".join((self._data, data)), b""
        while len(data) - start >= HEADER.size:
            length, kind = HEADER.unpack_from(data, start)
            if length > MAX_MESSAGE:
                raise FrameError(f"a frame of {length} bytes is over {MAX_MESSAGE}")
            if kind not in _DECODERS:
                raise FrameError(f"unknown frame kind {kind}")
            start += HEADER.size
            end = start + length
            if len(data) < end:
                self._kind, self._message, self._begun = kind, unfilled(length), len(data) - start
                self._message[: self._begun] = memoryview(data)[start:]
                return frames
            frames.append((kind, bytes(data[start:end])))
            start = end
        if start < len(data):
            self._data = bytes(data[start:])
        return frames

    @property
    def missing(self) -> memoryview | None:
        """Where the rest of a frame belongs that is there in part, at least its header; `None` else."""
        return None if self._message is None else memoryview(self._message)[self._begun :]

    def read(self, size: int) -> list[tuple[int, Message]]:
        """So many bytes were put where they were missing: the frame, if it is whole now."""
        self._begun += size
        message = self._message
        if message is None or self._begun < len(message):
            return []
        self._message = None
        return [(self._kind, message)]

    @property
    def partial(self) -> bool:
        """True while part of a frame has arrived."""
        return bool(self._data) or self._message is not None


class FrameSocket:
    """Frames over a blocking socket: the worker's side.

    `receive` returns `None` at a clean end of the stream, and raises `FrameError` in the middle of a frame.
    """

    def __init__(self, sock: socket.socket, slots: BorrowedSlots | None = None):
        self._sock = sock
        self._slots = slots
        self._buffer = FrameBuffer()
        self._waiting: list[tuple[int, Message]] = []
        self._sending = threading.Lock()  # a job's own threads report, too
        self._held = b""  # frames that go with the next one
        # One for all reads: a new one each time would be mapped and unmapped by the system. What no read has
        # filled of it takes no memory.
        self._read = memoryview(mmap.mmap(-1, FIRST_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def send(self, kind: Kind, message: Any) -> None:
        frame = encode(kind, message)
        with self._sending:
            if self._held:
                frame, self._held = self._held + frame, b""
            self._sock.sendall(frame)

    def hold(self, kind: Kind, message: Any) -> None:
        """Send a frame with the next one, which follows soon."""
        frame = encode(kind, message)
        with self._sending:
            self._held += frame

    def flush(self) -> None:
        """Send what is held, since nothing follows."""
        with self._sending:
            held, self._held = self._held, b""
            if held:
                self._sock.sendall(held)

    def receive(self) -> tuple[int, Any] | None:
        while not self._waiting:
            frames = self._completed(0)
            if frames is None:
                return None
            self._waiting.extend(frames)
        return self._received(*self._waiting.pop(0))

    def receive_ready(self) -> list[tuple[int, Any]] | None:
        """The frames that are there already, without waiting; `None` at a clean end of the stream."""
        try:
            frames = self._completed(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        return None if frames is None else [self._received(kind, data) for kind, data in frames]

    def _received(self, kind: int, data: Message) -> tuple[int, Any]:
        return (Kind.CALLS if kind == Kind.CALLS_AND_BODIES else kind), decode(kind, data, self._slots)

    def _completed(self, flags: int) -> list[tuple[int, Message]] | None:
        """Read once: the frames that this has completed; `None` at the end of the stream."""
        missing = self._buffer.missing
        size = self._sock.recv_into(self._read if missing is None else missing, flags=flags)
        if size:
            return self._buffer.feed(self._read[:size]) if missing is None else self._buffer.read(size)
        if self._buffer.partial:
            raise FrameError("the stream ended in the middle of a frame")
        return None

    def fileno(self) -> int:
        """The file descriptor, to wait for what comes."""
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()
