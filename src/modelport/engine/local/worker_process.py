"""One worker, wherever it runs: its frames, its calls and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from modelport.contract.traces import TakeSpan, take_spans
from modelport.engine.asks import Asks
from modelport.engine.local.process import JOB_NICE, LocalProcess
from modelport.engine.pending import Pending
from modelport.engine.ports import JobOwner
from modelport.engine.worker_place import Printed, WorkerPlace
from modelport.worker.cancellation import HEARD, shown_calls, shown_number
from modelport.worker.frames import READ_BYTES, Failed, FrameBuffer, FrameError, Kind, Load, decode, framed

FIRST_ASK = int(Kind.ASK)
AWAY = -1  # the group of a worker that is not ready
log = logging.getLogger("modelport.engine")

EXIT_SECONDS = 2.0
OUTPUT_SECONDS = 0.5  # how long what a worker has printed may still come after its end


class Owner(Protocol):
    """What a worker tells the pool that owns it."""

    def on_frame(self, worker: Worker, kind: int, message: Any) -> None: ...
    def on_lost(self, worker: Worker, reason: str) -> None: ...


class Worker(asyncio.Protocol):
    """A worker as the server sees it. `start` it once; after `on_lost` it is of no use any more."""

    def __init__(self, owner: Owner, load: Load, place: WorkerPlace):
        self.owner = owner
        self.load = load
        self.place = place
        self.number = load.worker.number  # among the workers of its model: its successor gets the same
        self.in_flight: dict[int, Pending] = {}
        self.asks_of: Callable[[Worker], Asks] | None = None
        self.spans: TakeSpan | None = None
        self._asks: Asks | None = None  # of other models, once its model has asked one
        self._ready = False
        self.on_turn: Callable[[Worker], None] | None = None  # hears that it is ready, or is no more
        self.bit = 1 << self.number  # among those of its group (`free_workers`), by how many calls it has
        self.group = AWAY
        self.ready_at = 0.0
        self.lost = False
        self.retiring = False  # it gets no more calls, and its successor has been started
        self.hung = 0  # the call for which it is killed
        self.kill_reason = ""
        self.told = ""  # why it was killed, if that is for clients, too
        self.failed_at = ""  # where in the model's own code loading failed, as a traceback
        self._buffer = FrameBuffer()
        self._broken = False  # nothing is read after a broken frame
        self._transport: asyncio.Transport | None = None
        self._channel: socket.socket | None = None
        self._held_back = False
        self._printed: Printed | None = None
        self._cancellations = 0
        self.settled = asyncio.Event()  # ready or lost

    @property
    def pid(self) -> int:
        """The id of its process; 0 until it was started, and if it is no process of this machine."""
        return self.place.pid

    @property
    def ready(self) -> bool:
        """Whether it may be given calls."""
        return self._ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._ready = ready
        if self.on_turn is not None:
            self.on_turn(self)

    @property
    def has_begun(self) -> bool:
        """Whether there is something to end."""
        return self.place.has_begun

    @property
    def is_gone(self) -> bool:
        """Whether its machine, or what had to keep it alive, is gone."""
        return self.place.is_gone

    async def start(self) -> None:
        """Start the process and tell it what to load. Raises `OSError` if it cannot be started."""
        self._channel = channel = await self.place.start(self._on_end)
        channel.setblocking(False)
        self._printed = self.place.printed
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, sock=channel)
        if self.lost:  # meanwhile
            self._transport.abort()
        self.send(Kind.LOAD, self.place.told(self.load))

    # -- frames ------------------------------------------------------------------------------------

    def send(self, kind: Kind, message: Any) -> None:
        """Send a frame. Raises `FrameError` if it is too large."""
        if self._transport is not None and not self.lost:
            self._transport.writelines(framed(kind, message, self.place.lender))

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        if self._printed is not None and self._printed.resting:
            self._printed.drain()
        try:
            for kind, message in self._buffer.feed(data):
                if kind >= FIRST_ASK and self.asks_of is not None:
                    self._asks = self._asks or self.asks_of(self)
                    self._asks.on_frame(kind, decode(kind, message))
                elif kind == Kind.SPANS:
                    take_spans(self.spans, decode(kind, message))
                else:
                    self.owner.on_frame(self, kind, decode(kind, message))
        except FrameError as error:
            self._broken = True
            self.kill(f"it broke the protocol: {error}")

    def hold_back(self) -> None:
        """Read no more frames until `go_on`: the worker waits where it sends more than the socket holds."""
        if self._transport is not None and not self.lost and not self._held_back:
            self._held_back = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read frames again."""
        if self._transport is not None and not self.lost and self._held_back:
            self._held_back = False
            self._transport.resume_reading()

    def _read_rest(self) -> None:
        """What a worker sent before it ended, and was not yet read because it was held back."""
        if self._channel is None or not self._held_back:
            return
        with contextlib.suppress(OSError):
            while data := self._channel.recv(READ_BYTES):
                self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ready, self._transport = False, None  # what is written to it now raises, wherever that is done
        if not self.place.has_own_process:
            self._lose("its thread ended")
        elif not self.lost:
            # Closed frames mean an unusable worker, even if its process would live on. Its exit, which
            # says more, usually comes in the same moment.
            seconds = self.place.exit_seconds
            asyncio.get_running_loop().call_later(seconds, self.kill, "it closed its connection")

    # -- end ---------------------------------------------------------------------------------------

    def cancel(self, call_id: int) -> int:
        """Ask the worker to stop this call; returns which cancellation of it this is, 0 if it cannot hear."""
        if self._asks is not None:
            self._asks.give_up(call_id)
        if self.lost or not self.place.cancel(call_id):
            return 0
        self._cancellations += 1
        return self._cancellations

    def has_heard(self, cancellation: int) -> bool:
        """Whether its main thread has read so many cancellations."""
        return shown_number(self.place.marker, HEARD) >= cancellation

    def let_go(self, call_id: int) -> None:
        """The worker has this call no longer."""
        self.in_flight.pop(call_id, None)  # a job is none of them
        if self._asks is not None:
            self._asks.end(call_id)

    def ask_to_stop(self, asked: bool = True) -> None:
        """Raise the flag that `current_job().cancelled` shows, or lower it before the next job."""
        self.place.ask_to_stop(asked)

    def terminate(self) -> None:
        """Send SIGTERM to the worker alone; what it started ends with it."""
        if not self.lost:
            self.place.terminate()

    def resident_bytes(self) -> int:
        """The resident memory of its process; 0 if that is gone or not known."""
        return self.place.resident_bytes()

    @property
    def main_call(self) -> int:
        """The number of the call whose code runs in its main thread now; 0 if none does."""
        return shown_number(self.place.marker, 0)

    def running_calls(self) -> set[int]:
        """The numbers of the calls whose code runs now."""
        return shown_calls(self.place.marker)

    def fail_to_start(self, reason: str) -> None:
        """`start` has raised: tell the owner, at once or when the process has ended that there is."""
        if self.place.has_begun:
            self.kill(reason)
        else:
            self.kill_reason = reason
            self._lose(reason)

    def cannot_load(self, failed: Failed) -> None:
        """The worker has said that its model cannot be served; it ends by itself."""
        self.kill_reason = failed.message
        self.failed_at = failed.own and f"\n{failed.own}"
        if failed.traceback:
            log.debug("%s: %s", self.load.name, failed.traceback)

    def kill(self, reason: str) -> None:
        """Kill the worker and everything it started. Its loss is reported when it has ended."""
        if self.lost:
            return
        self.kill_reason = self.kill_reason or reason
        self.place.kill()
        if not self.place.has_own_process:
            self._lose(reason)

    def _on_end(self, reason: str) -> None:
        self._read_rest()
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        if self.lost:
            return
        self.lost = True
        self.ready = False
        if self._asks is not None:
            self._asks.end_all()
        self.place.kill()
        if self._transport is not None:
            self._transport.abort()
        self.owner.on_lost(self, self.kill_reason or reason)

    async def stop(self, *, at_once: bool = False) -> None:
        """End the worker: asked first, killed if it does not go in time. Nothing of it is left after."""
        place = self.place
        if not self.lost:
            self.send(Kind.STOP, None)
        if place.has_begun:
            ended = not at_once and await place.ended(EXIT_SECONDS)
            if not ended and place.has_own_process:
                place.kill()
                await place.ended(EXIT_SECONDS)
        self._lose("stopped")
        await self.clean_up()

    def drain_output(self, *, to_end: bool = False) -> None:
        """Read what the worker has printed so far; `to_end`: half a line that stands there is a line, too."""
        if self.place.printed is not None:
            self.place.printed.drain(to_end=to_end)

    async def all_printed(self, seconds: float) -> None:
        """Wait until all that the worker has printed was read, but no longer than this."""
        if self.place.printed is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.place.printed.ended.wait()

    async def clean_up(self) -> None:
        """Kill what the worker's code left running and remove its temporary files."""
        await self.place.clean_up(OUTPUT_SECONDS)


def launch_job(owner: JobOwner, load: Load, temp: Path) -> Worker:
    """The `JobLauncher` of this machine: a process of its own, less urgent than predictions."""
    return Worker(owner, load, LocalProcess(owner, temp, load.variables, nice=JOB_NICE))
