"""Servers forked from a process that has imported what they import: half of the processor time of a start.

As a program this file is that process: it has imported the server's side of modelport and nothing else, and
started no thread. What it forks runs modelport as `python -m modelport` does, from `sys.argv` to its end,
with the same streams, signals, group and working folder. Only what Python and modelport read at
their start was read before: who differs in more than settings is to be started anew.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

MODULES = ("modelport.cli.main", "modelport.cli.serve_command", "modelport.cli.serve")
READ_AT_START = "MODELPORT_FAILPOINT"
LATER = ("MODELPORT_", "PYTEST_")  # variables that are read later, or by nobody


class Prepared:
    """The process that has imported, and forks servers for this one. `end` it."""

    def __init__(self, variables: Mapping[str, str]):
        self._variables = variables
        self._inherited = _inherited()
        self._asking = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, env=variables, pass_fds=[theirs.fileno()])

    def can_start(self, variables: Mapping[str, str]) -> bool:
        """Whether a server with these variables could not tell that it was forked."""
        changed = {name for name, _ in variables.items() ^ self._variables.items()}
        late = all(name.startswith(LATER) and name != READ_AT_START for name in changed)
        return late and _inherited() == self._inherited

    def start(self, arguments: list[str], variables: Mapping[str, str]) -> Forked:
        """Run `python -m modelport` with these arguments and variables."""
        asked = json.dumps([arguments, dict(variables)]).encode()
        told, theirs = socket.socketpair()
        reader, writer = os.pipe()
        with theirs, contextlib.closing(os.fdopen(writer, "wb")), self._asking:
            size = len(asked).to_bytes(4, "big")
            socket.send_fds(self._socket, [size], [theirs.fileno(), writer])
            self._socket.sendall(asked)
        return Forked(told, reader)

    def end(self) -> None:
        """End the process; servers that it forked go on."""
        self._socket.close()
        self._process.wait()


def _inherited() -> tuple[object, ...]:
    """What else a process has from who starts it, as far as tests change it."""
    limits = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT_" in name]
    return Path.cwd(), os.nice(0), os.sched_getscheduler(0), limits


class Forked:
    """What `subprocess.Popen` would be to who started it."""

    def __init__(self, told: socket.socket, reader: int):
        self.pid = _number(told)
        self.returncode: int | None = None
        self.stdout = None
        self.stderr = os.fdopen(reader, encoding="utf-8")
        self._ended = threading.Event()
        threading.Thread(target=self._hear, args=[told], daemon=True).start()

    def _hear(self, told: socket.socket) -> None:
        with told:
            self.returncode = _number(told)
        self._ended.set()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("modelport", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _number(told: socket.socket) -> int:
    said = told.recv(4, socket.MSG_WAITALL)
    if not said:
        raise ConnectionError("the process that forks servers has gone")
    return int.from_bytes(said, "big", signed=True)


def main(asking: socket.socket) -> None:
    """Fork a server whenever it is asked for, and tell who asked how it ended."""
    woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the servers
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([asking, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ended(running)
        if asking not in ready:
            continue
        size, descriptors, _, _ = socket.recv_fds(asking, 4, 2)
        if not size:
            return
        asked = asking.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
        told, stderr = socket.socket(fileno=descriptors[0]), descriptors[1]
        process = os.fork()
        if not process:
            signal.set_wakeup_fd(-1)
            for opened in (asking, told, *running.values()):
                opened.close()
            os.dup2(stderr, 2)
            for descriptor in (woken, wakes, stderr):
                os.close(descriptor)
            break
        os.close(stderr)
        told.sendall(process.to_bytes(4, "big", signed=True))
        running[process] = told
    _become_server(*json.loads(asked))


def _tell_ended(running: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with running.pop(ended[0]) as told, contextlib.suppress(OSError):  # nobody may wait any more
                told.sendall(os.waitstatus_to_exitcode(ended[1]).to_bytes(4, "big", signed=True))


def _become_server(arguments: list[str], variables: dict[str, str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[1:] = arguments
    runpy.run_module("modelport", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # as `-m` has it
    gc.disable()
    for module in MODULES:
        import_module(module)
    gc.enable()
    main(socket.socket(fileno=int(sys.argv[1])))
