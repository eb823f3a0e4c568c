"""A worker as a thread of the server, for debugging: nothing of it can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

from modelport.worker.cancellation import MARKER_BYTES, RunningCall
from modelport.worker.frames import FrameError, FrameSocket, Load


class InThread:
    """The place of a worker that is a thread of this process, of this name."""

    pid = 0
    has_own_process = False
    is_gone = False
    exit_seconds = 0.0
    printed = None
    lender = None

    def __init__(self, name: str):
        self.marker = bytearray(MARKER_BYTES)
        self._name = name
        self._thread: threading.Thread | None = None
        self._cancelled: set[int] = set()
        self._ended = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether there is a thread, or was."""
        return self._thread is not None

    async def start(self, on_end: Callable[[str], None]) -> socket.socket:
        """Start it. Its end shows by its socket, which it closes."""
        from modelport.worker.main import serve_channel

        ours, channel = socket.socketpair()
        running = RunningCall(self.marker, None)
        self._cancelled = running.cancelled
        loop = asyncio.get_running_loop()

        def run() -> None:
            try:
                serve_channel(FrameSocket(channel), running)
            except (OSError, FrameError):
                pass  # the server closed its end
            finally:
                channel.close()
                with contextlib.suppress(RuntimeError):  # the loop may be closed already
                    loop.call_soon_threadsafe(self._ended.set)

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
        return ours

    def told(self, load: Load) -> Load:
        """The same: it runs here."""
        return load

    def cancel(self, call_id: int) -> bool:
        """It is not run if it has not begun; what runs cannot hear."""
        self._cancelled.add(call_id)
        return False

    def ask_to_stop(self, asked: bool) -> None:
        """No job runs in a thread."""

    def resident_bytes(self) -> int:
        """Not known: it is the server's."""
        return 0

    def terminate(self) -> None:
        """A thread cannot be told."""

    def kill(self) -> None:
        """A thread cannot be killed."""

    async def ended(self, seconds: float) -> bool:
        """Wait for its end, no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    async def clean_up(self, output_seconds: float) -> None:
        """Wait for a thread that has said that it ends."""
        if self._thread is not None and self._ended.is_set():
            self._thread.join()  # it has said so with its last statement
