"""What a model asks of others, as its worker sees it: it goes out as frames, and answers come among all
others.

What can go wrong, and why it has this shape:

- *The thread that reads frames runs the model's code*, where calls run one by one, and that waits for an
  answer. So from the first ask on a thread reads along, and keeps what is for the runner. A runner whose
  event loop reads at any time says that it does (`is_attended`), and hands over what it reads (`take`).
- *Any thread of the model's may ask*, several at once. Each has a number, and hears of its own alone.
- *A cancellation interrupts the main thread anywhere.* It waits with that until a frame is out whole.
- *The call is over*, or nobody waits for it any more: the server ends what was asked for it, and says so.
- *What the model has forked asks*: it would write into the middle of the frames of its parent.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from modelport.contract.calls import GIVEN_UP, Answer, Chunk
from modelport.contract.current_call import place_of, running_call
from modelport.contract.traces import below
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import Acknowledge, Ask, FrameError, FrameSocket, Kind

if TYPE_CHECKING:
    import asyncio  # which most models do without

Heard = Answer | Chunk
Tell = Callable[[Heard], None]
Frame = tuple[int, Any]

_own_calls: ContextVar[tuple[int, ...]] = ContextVar("the calls for which this code asks", default=())


class Asked(NamedTuple):
    """A model that is asked, as the code that asks names it; `modelport.model` says what each means."""

    name: str
    source: str = ""
    timeout: float | None = None


class ServerLink:
    """How the code of one worker reaches its server. `asks` is there once calls can run."""

    def __init__(self) -> None:
        self.asks: Asks | None = None


class Asks:
    """The asks of one worker. `calls` are those that run, where one runs at a time, or a batch."""

    def __init__(self, channel: FrameSocket, running: RunningCall):
        self.calls: tuple[int, ...] = ()
        self.is_attended = False
        self._channel = channel
        self._running = running
        self._process = os.getpid()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Tell] = {}
        self._lock = threading.Lock()  # of the two below
        self._is_reading = False  # the runner, itself
        self._thread: threading.Thread | None = None
        self._frames: SimpleQueue[Frame | Exception | None] = SimpleQueue()

    # -- what the model's code says ------------------------------------------------------------------

    def ask(self, ask: Ask, tell: Tell) -> None:
        """Send what is asked, with a number of its own, for the calls whose code this is.

        `tell` gets the answer, and then the chunks, if it is a stream, in whichever thread reads frames.
        Raises `RuntimeError` where no call asks.
        """
        ask.calls = list(self._asking())
        ask.number = next(self._numbers)
        call = running_call()
        if call is not None and call.trace:
            ask.trace = list(below(place_of(call)))
        with self._lock:
            self._waiting[ask.number] = tell
            if not self._is_reading:
                self._read_along()
        self._send(Kind.ASK, ask)

    def _asking(self) -> tuple[int, ...]:
        if os.getpid() != self._process:
            raise RuntimeError("another model cannot be asked from a process that a model has started")
        calls = _own_calls.get() or self.calls
        if not calls:
            raise RuntimeError(
                "another model can be asked in predict(), train() and validate() only; a thread that is made "
                "in an async def needs its context to ask (asyncio.to_thread gives it)"
            )
        return calls

    def taken(self, number: int) -> None:
        """A chunk of this answer was taken."""
        self._send(Kind.ASK_TAKEN, Acknowledge(number, 1))

    def give_up(self, number: int) -> None:
        """Nobody waits for this answer any more; nothing happens if it is there."""
        if self._waiting.pop(number, None) is not None:
            with contextlib.suppress(OSError):  # the server has gone
                self._send(Kind.ASK_GIVEN_UP, number)

    def undisturbed(self) -> AbstractContextManager[None]:
        """Lets a cancellation wait until the end of the block."""
        return self._running.undisturbed()

    def _send(self, kind: Kind, message: Any) -> None:
        with self.undisturbed():
            self._channel.send(kind, message)

    # -- what comes ----------------------------------------------------------------------------------

    def receive(self) -> Frame | None:
        """The next frame for a runner that reads itself; `None` at a clean end of the stream.

        Raises what `FrameSocket.receive` raises.
        """
        with self._lock:
            self._is_reading = self._thread is None
        if not self._is_reading:
            read = self._frames.get()
            if isinstance(read, Exception):
                raise read
            return read
        frame = self._channel.receive()
        while frame is not None and self.take(*frame):
            frame = self._channel.receive()
        with self._lock:
            self._is_reading = False
            if self._waiting:
                self._read_along()
        return frame

    def take(self, kind: int, message: Any) -> bool:
        """Hand over a frame to who has asked for it; false if it is for the runner."""
        if kind != Kind.ASKED and kind != Kind.ASKED_CHUNK:
            return False
        heard: Heard = message
        goes_on = heard.stream if isinstance(heard, Answer) else not heard.end
        tell = self._waiting.get(heard.id) if goes_on else self._waiting.pop(heard.id, None)
        if tell is not None:
            tell(heard)
        return True

    def _read_along(self) -> None:
        """Have frames read while the model's code runs."""
        if self._thread is None and not self.is_attended:
            self._thread = threading.Thread(target=self._read, name="modelport frames", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        read: Frame | Exception | None
        while True:
            try:
                read = self._channel.receive()
            except (OSError, FrameError) as error:
                read = error
            if isinstance(read, tuple) and self.take(*read):
                continue
            self._frames.put(read)
            if not isinstance(read, tuple):
                break
        self.end()

    def end(self) -> None:
        """The server has gone: tell everybody who waits."""
        for number in list(self._waiting):
            self.take(Kind.ASKED, Answer(number, GIVEN_UP, problem=True, detail="the server has gone"))


def asks_for(call_id: int) -> None:
    """Let the code that runs in this context from now on ask for this call."""
    _own_calls.set((call_id,))


def refuse_in_loop(way: str, asked: Asked, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Raise `RuntimeError` in code of an event loop, or of this one: all others would wait for the answer."""
    loaded = sys.modules.get("asyncio")
    if loaded is None:
        return
    try:
        running = loaded.get_running_loop()
    except RuntimeError:
        return
    if loop is None or running is loop:
        raise RuntimeError(
            f"{way}() of the model {asked.name!r} would keep the event loop waiting: use {way}_async()"
        )
