"""A server whose workers are played: `python -m benchmarks.played serve …`, with any number of `--workers`.

One process plays all of them, over a socket each that the server makes as for workers of its own. What it
says are the frames of a real worker, which has loaded the model and answered one call when it began; so the
server does all that it does otherwise, and a thousand workers need one process.
"""

from __future__ import annotations

import asyncio
import os
import resource
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

from msgspec import structs

from modelport.contract.calls import Answer, Call
from modelport.engine.local.places import LocalPlaces
from modelport.worker.cancellation import MARKER_BYTES, RunningCall
from modelport.worker.frames import READ_BYTES, FrameBuffer, FrameSocket, Kind, Load, decode, framed

SERVICE_MICROS = 2000  # what each says that it has computed: slow enough for one call at a time


class Player:
    """All workers: a selector, and the sockets that come by `control`. `run` until that is closed."""

    def __init__(self, control: socket.socket):
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._ready: Any = None  # as the real worker says it
        self._answer = Answer(0)

    def run(self) -> None:
        self._selector.register(self._control, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    _, fds, _, _ = socket.recv_fds(self._control, 1, 1)
                    if not fds:
                        return
                    channel = socket.socket(fileno=fds[0])
                    self._selector.register(channel, selectors.EVENT_READ, FrameBuffer())
                else:
                    self._read(key.fileobj, key.data)

    def _read(self, channel: Any, frames: FrameBuffer) -> None:
        try:
            data = channel.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        for kind, message in frames.feed(data):
            if kind == Kind.LOAD:
                if self._ready is None:
                    self._learn(decode(kind, message))
                _send(channel, Kind.READY, self._ready)
            elif kind in (Kind.CALLS, Kind.CALLS_AND_BODIES):
                calls: list[Call] = decode(kind, message)
                answers = [structs.replace(self._answer, id=call.id, micros=SERVICE_MICROS) for call in calls]
                _send(channel, Kind.ANSWERS, answers)
            elif kind == Kind.STOP:
                data = b""
        if not data:
            self._selector.unregister(channel)
            channel.close()

    def _learn(self, load: Load) -> None:
        """Have a real worker load the model, in a thread, and answer one call."""
        from modelport.worker.main import serve_channel

        ours, theirs = socket.socketpair()
        running = RunningCall(bytearray(MARKER_BYTES), None)
        threading.Thread(target=serve_channel, args=(theirs, running), daemon=True).start()
        _send(ours, Kind.LOAD, structs.replace(load, print_token="", may_ask=False, has_others=False))
        frames = FrameSocket(ours)
        while self._ready is None:
            self._ready = _said(frames, Kind.READY)
        body = b'{"values": [1.5, 2.5, 3.5, 4.5], "threshold": 10.0}'
        _send(ours, Kind.CALLS, [Call(1, content_type="application/json", body=body)])
        [self._answer] = _said(frames, Kind.ANSWERS)
        ours.close()


def _said(frames: FrameSocket, wanted: Kind) -> Any:
    while True:
        kind, message = frames.receive() or (Kind.FAILED, None)
        if kind == Kind.FAILED:
            raise RuntimeError(f"the real worker did not come so far: {message}")
        if kind == wanted:
            return message


def _send(channel: socket.socket, kind: Kind, message: Any) -> None:
    for part in framed(kind, message):
        channel.sendall(part)


class PlayedPlace:
    """The place of one worker that is played; see `modelport.engine.worker_place.WorkerPlace`."""

    has_own_process = is_gone = False
    exit_seconds = 0.0
    printed = None

    def __init__(self, control: socket.socket, pid: int):
        self.pid = pid
        self.marker = bytearray(MARKER_BYTES)
        self.has_begun = False
        self._control = control

    async def start(self, on_end: Callable[[str], None]) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            await asyncio.to_thread(socket.send_fds, self._control, [b"."], [theirs.fileno()])
        self.has_begun = True
        return ours

    def told(self, load: Load) -> Load:
        return load

    def cancel(self, call_id: int) -> bool:
        return False

    def ask_to_stop(self, asked: bool) -> None: ...

    def resident_bytes(self) -> int:
        return 1 << 20

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    async def ended(self, seconds: float) -> bool:
        return True

    async def clean_up(self, output_seconds: float) -> None: ...


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        cores = sorted(os.sched_getaffinity(os.getppid()) | set(range(os.cpu_count() or 1)))
        os.sched_setaffinity(0, {cores[-1]})  # the server has the other one
        Player(theirs).run()
        os._exit(0)
    theirs.close()
    LocalPlaces.place = lambda self, load, output, settings: PlayedPlace(ours, pid)  # type: ignore
    from modelport.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
