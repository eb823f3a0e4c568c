"""A worker as a process of this machine: what it inherits, what it prints, how it is stopped and ended."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from modelport.engine.local.output_pipe import OutputPipe
from modelport.engine.output import Lines
from modelport.engine.processes import ending, kill_group, kill_marked, resident_bytes
from modelport.engine.starting import command, plain_options
from modelport.variables import WORKER_MARK
from modelport.worker.body_slots import NOT_SHARED, BodySlots, Lender
from modelport.worker.cancellation import CALL_NUMBER, CANCEL_SIGNAL, MARKER_BYTES, STOP_FLAG
from modelport.worker.frames import Load

JOB_NICE = 10  # of processes of jobs: predictions come first where both want the processor
SEND_BYTES = 4 << 20  # that may be in the socket of a worker, if the system lets them (net.core.wmem_max)


class LocalProcess:
    """The place of a worker that is a process of this machine; `output` takes what it prints.

    It may be lent bodies in `slots`.
    """

    has_own_process = True
    is_gone = False
    exit_seconds = 0.2

    def __init__(
        self,
        output: Lines,
        temp: Path,
        variables: Mapping[str, str],
        *,
        nice: int = 0,
        slots: BodySlots | None = None,
    ):
        self.pid = 0
        self.lender: Lender | None = None
        self.printed: OutputPipe | None = None
        self.marker: mmap.mmap | bytearray = bytearray(MARKER_BYTES)
        self._output = output
        self._mark = uuid.uuid4().hex
        self._temp = temp / f"tmp-{self._mark}"
        self._variables = variables
        self._nice = nice
        self._slots = slots
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ended = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether there is a process, or was."""
        return self._process is not None

    async def start(self, on_end: Callable[[str], None]) -> socket.socket:
        """Start it; see `WorkerPlace`."""
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        try:
            self.begin(theirs, on_end)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    def begin(self, channel: socket.socket, on_end: Callable[[str], None]) -> None:
        """Start the process with its end of the frames' socket, which it inherits. Raises `OSError`."""
        control_ours, control_theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        control_ours.setblocking(False)
        marker_fd = os.memfd_create("modelport-running-call")
        read_end, write_end = os.pipe()
        try:
            os.ftruncate(marker_fd, MARKER_BYTES)
            self.marker = mmap.mmap(marker_fd, MARKER_BYTES)
            self._temp.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = {WORKER_MARK: self._mark, "TMPDIR": str(self._temp), "PYTHONUNBUFFERED": "1"}
            fds = [channel.fileno(), control_theirs.fileno(), marker_fd]
            self.lender = self._slots and self._slots.lender()
            shared = fds if self.lender is None else [*fds, self.lender.fd]
            bodies_fd = NOT_SHARED if self.lender is None else self.lender.fd
            numbers = (*fds, bodies_fd, os.getpid(), self._nice)
            # On this thread, not in a pool: the kernel ends the worker when the thread that made it ends.
            self._process = subprocess.Popen(
                command("modelport.worker", *map(str, numbers)),
                stdout=write_end,
                stderr=write_end,
                pass_fds=shared,
                **plain_options(own, self._variables),
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
        self._watch(self._process, read_end, on_end)

    def _watch(self, process: subprocess.Popen[bytes], read_end: int, on_end: Callable[[str], None]) -> None:
        """Notice output and the end of the process by events, never by polling."""
        loop = asyncio.get_running_loop()
        self.printed = printed = OutputPipe(read_end, self._output)
        pidfd = os.pidfd_open(process.pid)

        def on_exit() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            process.wait()
            printed.watch()
            self._ended.set()
            on_end(ending(process.returncode))

        loop.add_reader(pidfd, on_exit)

    def told(self, load: Load) -> Load:
        """The same: it runs here."""
        return load

    def cancel(self, call_id: int) -> bool:
        """Tell it of a cancelled call; see `WorkerPlace`."""
        if self._control is None:
            return False
        try:
            self._control.send(CALL_NUMBER.pack(call_id))
        except OSError:
            return False
        with contextlib.suppress(OSError):
            os.kill(self.pid, CANCEL_SIGNAL)
        return True

    def ask_to_stop(self, asked: bool) -> None:
        """Raise or lower the flag that a job looks at."""
        self.marker[STOP_FLAG] = asked

    def resident_bytes(self) -> int:
        """Its resident memory; 0 if it is gone."""
        return resident_bytes(self.pid)

    def terminate(self) -> None:
        """Send SIGTERM to the process alone; what it started ends with it."""
        if self.pid and not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and its process group."""
        kill_group(self.pid)

    async def ended(self, seconds: float) -> bool:
        """Wait for its end, no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    async def clean_up(self, output_seconds: float) -> None:
        """Kill what the worker's code left running and remove its temporary files.

        What it has printed may still come for so many seconds.
        """
        if self._control is not None:
            self._control.close()
            self._control = None
        await asyncio.to_thread(kill_marked, self._mark)
        if self.printed is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(output_seconds):
                    await self.printed.ended.wait()
            self.printed.close()
        await asyncio.to_thread(shutil.rmtree, self._temp, True)
        if self.lender is not None:
            self.lender.end()
        if isinstance(self.marker, mmap.mmap):
            self.marker, marker = bytearray(MARKER_BYTES), self.marker
            marker.close()
