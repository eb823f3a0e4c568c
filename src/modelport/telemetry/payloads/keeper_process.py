"""The process that keeps a payload log, as the server sees it: what is sent to it, and what it says."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import threading
from collections.abc import Callable
from time import monotonic

from modelport.engine.starting import command, plain_options
from modelport.telemetry.payloads import messages as wire

log = logging.getLogger("modelport.payloads")

KEEPER = "modelport.telemetry.payloads.keeper"
HUNG_SECONDS = 30.0
END_SECONDS = 5.0


class KeeperProcess:
    """The process, and the thread that hears it."""

    def __init__(self, on_told: Callable[[wire.Told], None], on_end: Callable[[], None]):
        self._on_told = on_told
        self._on_end = on_end
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                command(KEEPER, str(theirs.fileno())), pass_fds=[theirs.fileno()], **plain_options({})
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._channel = ours
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="modelport payload answers", daemon=True)
        self._thread.start()

    def is_there(self) -> bool:
        """Whether it takes messages."""
        return not self._ended.is_set()

    def send(self, message: wire.Message) -> None:
        """Say something. Raises `OSError`; one that does not take it in time is killed."""
        data = wire.framed(message)
        view = memoryview(data)
        deadline = monotonic() + HUNG_SECONDS
        while view:
            try:
                view = view[self._channel.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                if self._ended.wait(0.005):
                    raise ConnectionError("its keeper has died") from None
                if monotonic() > deadline:
                    self._process.kill()
                    raise TimeoutError(f"its keeper took nothing for {HUNG_SECONDS:g} s") from None

    def _hear(self) -> None:
        frames = wire.Frames()
        try:
            while data := self._channel.recv(1 << 16):
                for frame in frames.add(data):
                    self._on_told(wire.told.decode(frame))
        except (OSError, ValueError):
            pass
        finally:
            self._ended.set()
            self._on_end()

    def end(self, *, at_once: bool = False) -> None:
        """Let it write what it has, and end; after a while, or `at_once`, it is killed."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
        if at_once:
            self._process.kill()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("the keeper of the payload log is killed: it did not end")
            self._process.kill()
            self._process.wait()
        self._thread.join(END_SECONDS)
        with contextlib.suppress(OSError):
            self._channel.close()
