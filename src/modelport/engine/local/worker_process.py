"""One worker: its process (or, for debugging, its thread), its frames and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import shutil
import signal
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from modelport.contract.traces import TakeSpan, take_spans
from modelport.engine.asks import Asks
from modelport.engine.local.output_pipe import OutputPipe
from modelport.engine.output import Lines
from modelport.engine.pending import Pending
from modelport.engine.ports import JobOwner
from modelport.engine.processes import ending, kill_group, kill_marked
from modelport.engine.starting import command, plain_options
from modelport.variables import WORKER_MARK
from modelport.worker.cancellation import (
    CALL_NUMBER,
    CANCEL_SIGNAL,
    HEARD,
    MARKER_BYTES,
    STOP_FLAG,
    RunningCall,
    shown_calls,
    shown_number,
)
from modelport.worker.frames import READ_BYTES, Failed, FrameBuffer, FrameError, Kind, Load, decode, framed

FIRST_ASK = int(Kind.ASK)
log = logging.getLogger("modelport.engine")

SEND_BYTES = 4 << 20  # that may be in the socket of a worker, if the system lets them (net.core.wmem_max)
EXIT_SECONDS = 2.0
JOB_NICE = 10  # predictions come first where both want the processor
OUTPUT_SECONDS = 0.5  # how long what a worker has printed may still come after its end


class Owner(Protocol):
    """What a worker tells the pool that owns it."""

    def on_frame(self, worker: Worker, kind: int, message: Any) -> None: ...
    def on_lost(self, worker: Worker, reason: str) -> None: ...


class Worker(asyncio.Protocol):
    """A worker as the server sees it. `start` it once; after `on_lost` it is of no use any more."""

    def __init__(
        self,
        owner: Owner,
        load: Load,
        output: Lines,
        spool_root: Path,
        *,
        in_thread: bool = False,
        nice: int = 0,
    ):
        self.owner = owner
        self.load = load
        self.output = output
        self.in_thread = in_thread
        self.nice = nice
        self.mark = uuid.uuid4().hex
        self.temp = spool_root / f"tmp-{self.mark}"
        self.in_flight: dict[int, Pending] = {}
        self.asks_of: Callable[[Worker], Asks] | None = None
        self.spans: TakeSpan | None = None
        self._asks: Asks | None = None  # of other models, once its model has asked one
        self.ready = False
        self.ready_at = 0.0
        self.lost = False
        self.retiring = False  # it gets no more calls, and its successor has been started
        self.hung = 0  # the call for which it is killed
        self.kill_reason = ""
        self.told = ""  # why it was killed, if that is for clients, too
        self.failed_at = ""  # where in the model's own code loading failed, as a traceback
        self.pid = 0
        self._buffer = FrameBuffer()
        self._broken = False  # nothing is read after a broken frame
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._marker: Any = bytearray(MARKER_BYTES)
        self._control: socket.socket | None = None
        self._transport: asyncio.Transport | None = None
        self._channel: socket.socket | None = None
        self._held_back = False
        self.printed: OutputPipe | None = None
        self._cancelled: set[int] = set()
        self._cancellations = 0  # cancellations
        self.settled = asyncio.Event()  # ready or lost
        self._ended = asyncio.Event()

    # -- start -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the process and tell it what to load. Raises `OSError` if it cannot be started."""
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        try:
            if self.in_thread:
                self._start_thread(theirs)
            else:
                self._start_process(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            if not self.in_thread:
                theirs.close()
        ours.setblocking(False)
        self._channel = ours
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, sock=ours)
        self.send(Kind.LOAD, self.load)

    def _start_process(self, channel: socket.socket) -> None:
        control_ours, control_theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        control_ours.setblocking(False)
        marker_fd = os.memfd_create("modelport-running-call")
        read_end, write_end = os.pipe()
        try:
            os.ftruncate(marker_fd, MARKER_BYTES)
            self._marker = mmap.mmap(marker_fd, MARKER_BYTES)
            self.temp.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = {WORKER_MARK: self.mark, "TMPDIR": str(self.temp), "PYTHONUNBUFFERED": "1"}
            fds = (channel.fileno(), control_theirs.fileno(), marker_fd)
            # On this thread, not in a pool: the kernel ends the worker when the thread that made it ends.
            self._process = subprocess.Popen(
                command("modelport.worker", *map(str, fds), str(os.getpid()), str(self.nice)),
                stdout=write_end,
                stderr=write_end,
                pass_fds=fds,
                **plain_options(own, self.load.variables),
            )
        except BaseException:
            control_ours.close()
            os.close(read_end)
            raise
        finally:
            control_theirs.close()
            os.close(marker_fd)
            os.close(write_end)
        self.pid = self._process.pid
        self._control = control_ours
        self._watch(read_end)

    def _watch(self, read_end: int) -> None:
        """Notice output and the end of the process by events, never by polling."""
        assert self._process is not None
        loop = asyncio.get_running_loop()
        self.printed = OutputPipe(read_end, self.output)
        pidfd = os.pidfd_open(self._process.pid)

        def on_exit() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            assert self._process is not None
            self._process.wait()
            if self.printed is not None:
                self.printed.watch()
            self._ended.set()
            self._read_rest()
            self._lose(ending(self._process.returncode))

        loop.add_reader(pidfd, on_exit)

    def _start_thread(self, channel: socket.socket) -> None:
        from modelport.worker.main import serve_channel

        running = RunningCall(self._marker, None)
        self._cancelled = running.cancelled
        loop = asyncio.get_running_loop()

        def run() -> None:
            try:
                serve_channel(channel, running)
            except (OSError, FrameError):
                pass  # the server closed its end
            finally:
                channel.close()
                with contextlib.suppress(RuntimeError):  # the loop may be closed already
                    loop.call_soon_threadsafe(self._ended.set)

        self._thread = threading.Thread(target=run, name=f"modelport {self.load.name}", daemon=True)
        self._thread.start()

    # -- frames ------------------------------------------------------------------------------------

    def send(self, kind: Kind, message: Any) -> None:
        """Send a frame. Raises `FrameError` if it is too large."""
        if self._transport is not None and not self.lost:
            self._transport.writelines(framed(kind, message))

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        if self.printed is not None and self.printed.resting:
            self.printed.drain()
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
        if self.in_thread:
            self._lose("its thread ended")
        elif not self.lost and self._process is not None:
            # Closed frames mean an unusable worker, even if its process would live on. Its exit, which
            # says more, usually comes in the same moment.
            asyncio.get_running_loop().call_later(0.2, self.kill, "it closed its connection")

    # -- end ---------------------------------------------------------------------------------------

    def cancel(self, call_id: int) -> int:
        """Ask the worker to stop this call; returns which cancellation of it this is, 0 if it cannot hear."""
        if self._asks is not None:
            self._asks.give_up(call_id)
        if self.in_thread:
            self._cancelled.add(call_id)
        if self._control is None or self.lost:
            return 0
        try:
            self._control.send(CALL_NUMBER.pack(call_id))
        except OSError:
            return 0
        self._cancellations += 1
        with contextlib.suppress(OSError):
            os.kill(self.pid, CANCEL_SIGNAL)
        return self._cancellations

    @property
    def number(self) -> int:
        """Its place among the workers of its model."""
        return self.load.worker.number

    def has_heard(self, cancellation: int) -> bool:
        """Whether its main thread has read so many cancellations."""
        return shown_number(self._marker, HEARD) >= cancellation

    def let_go(self, call_id: int) -> None:
        """The worker has this call no longer."""
        self.in_flight.pop(call_id, None)  # a job is none of them
        if self._asks is not None:
            self._asks.end(call_id)

    @property
    def holds_alone(self) -> bool:
        """Whether it has a call that nothing may share it with, and so no other."""
        return bool(self.in_flight) and next(iter(self.in_flight.values())).call.alone

    def ask_to_stop(self, asked: bool = True) -> None:
        """Raise the flag that `current_job().cancelled` shows, or lower it before the next job."""
        self._marker[STOP_FLAG] = asked

    def terminate(self) -> None:
        """Send SIGTERM to the worker alone; what it started ends with it."""
        if self.pid and not self.lost and not self.in_thread:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    @property
    def main_call(self) -> int:
        """The number of the call whose code runs in its main thread now; 0 if none does."""
        return shown_number(self._marker, 0)

    def running_calls(self) -> set[int]:
        """The numbers of the calls whose code runs now."""
        return shown_calls(self._marker)

    def fail_to_start(self, reason: str) -> None:
        """`start` has raised: tell the owner, at once or when the process has ended that there is."""
        if self.pid:
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
        if self.in_thread:
            self._lose(reason)
        else:
            kill_group(self.pid)

    def _lose(self, reason: str) -> None:
        if self.lost:
            return
        self.lost = True
        self.ready = False
        if self._asks is not None:
            self._asks.end_all()
        if not self.in_thread:
            kill_group(self.pid)
        if self._transport is not None:
            self._transport.abort()
        if self._control is not None:
            self._control.close()
        self.owner.on_lost(self, self.kill_reason or reason)

    async def stop(self, *, at_once: bool = False) -> None:
        """End the worker: asked first, killed if it does not go in time. Nothing of it is left after."""
        if self._process is None and self._thread is None:
            self._ended.set()  # it was never started
        if not self.lost:
            self.send(Kind.STOP, None)
        if not at_once:
            await self._wait(EXIT_SECONDS)
        if not self._ended.is_set() and not self.in_thread:
            kill_group(self.pid, signal.SIGKILL)
            await self._wait(EXIT_SECONDS)
        self._lose("stopped")
        if self._thread is not None and self._ended.is_set():
            self._thread.join()  # it has said so with its last statement
        await self.clean_up()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def drain_output(self, *, to_end: bool = False) -> None:
        """Read what the worker has printed so far; `to_end`: half a line that stands there is a line, too."""
        if self.printed is not None:
            self.printed.drain(to_end=to_end)

    async def all_printed(self, seconds: float) -> None:
        """Wait until all that the worker has printed was read, but no longer than this."""
        if self.printed is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.printed.ended.wait()

    async def clean_up(self) -> None:
        """Kill what the worker's code left running and remove its temporary files."""
        if self.in_thread:
            return
        await asyncio.to_thread(kill_marked, self.mark)
        if self.printed is not None:
            await self.all_printed(OUTPUT_SECONDS)
            self.printed.close()
        await asyncio.to_thread(shutil.rmtree, self.temp, True)
        if isinstance(self._marker, mmap.mmap):
            self._marker, marker = bytearray(MARKER_BYTES), self._marker
            marker.close()


def launch_job(owner: JobOwner, load: Load, temp: Path) -> Worker:
    """The `JobLauncher` of this machine: a process of its own, less urgent than predictions."""
    return Worker(owner, load, owner, temp, nice=JOB_NICE)
