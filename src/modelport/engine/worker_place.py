"""The port behind which the code of one worker runs: a process of this machine or another one, or a thread.

`Worker` speaks in frames over the channel that `start` brings; whatever else is done to a worker from outside
goes by here.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from modelport.engine.output import Lines
from modelport.settings import Settings
from modelport.worker.body_slots import BodySlots, Lender
from modelport.worker.frames import Load


class Printed(Protocol):
    """The pipe that a worker of this machine prints into."""

    ended: asyncio.Event  # nothing more will come

    @property
    def resting(self) -> bool:
        """True if there may be output of which the event loop has not told."""
        ...

    def drain(self, *, to_end: bool = False) -> None:
        """Take what stands in the pipe; `to_end`: half a line that stands there is a line, too."""
        ...


class WorkerPlace(Protocol):
    """Where one worker runs. `start` it once; the callback that it got is told once how it has ended."""

    @property
    def pid(self) -> int:
        """Of a process of this machine; else 0."""
        ...

    @property
    def has_begun(self) -> bool:
        """Whether there is something to end."""
        ...

    @property
    def has_own_process(self) -> bool:
        """False for a thread of the server."""
        ...

    @property
    def exit_seconds(self) -> float:
        """How long after the end of its channel its own end may be told."""
        ...

    @property
    def is_gone(self) -> bool:
        """Its machine, or what had to keep it alive, is gone: the model is not to blame."""
        ...

    @property
    def printed(self) -> Printed | None:
        """What must be read before what it has sent is looked at; `None` if output comes by itself."""
        ...

    @property
    def lender(self) -> Lender | None:
        """Who lends it memory for large bodies, once it has started; `None` if it has another machine's."""
        ...

    @property
    def marker(self) -> mmap.mmap | bytearray:
        """Which calls run (`worker.cancellation`), as far as that is known."""
        ...

    async def start(self, on_end: Callable[[str], None]) -> socket.socket:
        """Start it; returns the socket of its frames. Raises `OSError` if it cannot be started."""
        ...

    def told(self, load: Load) -> Load:
        """What it is told to load, in the words of the machine where it runs; only once it has started."""
        ...

    def cancel(self, call_id: int) -> bool:
        """Tell it of a cancelled call. False if it cannot hear of that."""
        ...

    def ask_to_stop(self, asked: bool) -> None:
        """Raise or lower the flag that a job looks at."""
        ...

    def resident_bytes(self) -> int:
        """Its resident memory; 0 if that is not known."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM to it alone."""
        ...

    def kill(self) -> None:
        """Kill it and its process group; nothing happens if it is gone, or cannot be killed."""
        ...

    async def ended(self, seconds: float) -> bool:
        """Wait for its end, no longer than this."""
        ...

    async def clean_up(self, output_seconds: float) -> None:
        """End what its code has left running, and remove its temporary files."""
        ...


class Places(Protocol):
    """What finds the places of the workers of an engine."""

    @property
    def trouble(self) -> str:
        """Why no worker can be placed now; empty if nothing is known to be in the way."""
        ...

    async def open(self) -> None:
        """Begin. Raises `OSError`."""
        ...

    @property
    def ends_with_server(self) -> bool:
        """Whether what runs ends in the moment in which the server is killed, and not a while later."""
        ...

    def fitted(self, load: Load, settings: Settings, number: int, *, of_jobs: bool = False) -> Load:
        """What the worker of this number is to load, with what it may use of its machine.

        Processes of jobs have numbers of their own. Raises `SettingsError` for a device that there is not.
        """
        ...

    def place(self, load: Load, output: Lines, settings: Settings, slots: BodySlots) -> WorkerPlace:
        """A place for one worker, which is not started yet; `output` takes what it prints.

        On this machine it may be lent bodies in `slots`.
        """
        ...

    def place_of_job(self, load: Load, output: Lines, temp: Path, settings: Settings) -> WorkerPlace:
        """The same for a process of jobs, less urgent than predictions; its files here go to `temp`.

        What it prints is told before what it sends after it. Of two places of a job one is gone before the
        other one can begin.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; no worker is left."""
        ...
