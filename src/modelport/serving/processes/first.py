"""The first process: it starts the server processes, passes on what they tell each other, and ends with them.

What can go wrong, and what answers it:

- *A server process dies*, however that is. Its running calls fail, nothing else does: the others answer at
  the same address, and connections that nobody has accepted yet are theirs. Another one is started in its
  place, at once for the first time, later and later if it goes on; it answers once its models are ready.
- *One cannot begin*: the address is taken, a folder cannot be written, no model can be loaded. So will the
  others: all end, with its status.
- *This process is killed.* Their sockets to it end, and so do they, in order.
- *It is forked while a thread holds a lock*. It has no threads: it waits in `select`, and logs by itself.
- *Somebody says stop while one is being started.* Signals are held back until it is known.
- *It is the first of a container*: `cli.first_process` is before it.

The listening socket is made here, and all accept from it. So an address that is taken is said as ever, port 0
is one port, a Unix socket works as well, and a process that is killed takes no connection with it that it has
not accepted. With a socket for each (SO_REUSEPORT) those would be lost, and the kernel would go on giving a
process that is busy as many as one that is idle: it spreads them by their addresses.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NoReturn

from modelport.api.server import STOPPING
from modelport.http.spread import NOBODY
from modelport.serving.processes.hub import Hub
from modelport.settings import Settings, data_folder
from modelport.settings.written import seconds_of
from modelport.shared_counts import SharedCounts
from modelport.siblings import Place, Siblings
from modelport.storage.data_folder import lock_folder, note_process

log = logging.getLogger("modelport.server")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
NOTHING_TO_SERVE, CANNOT_LISTEN, CANNOT_WRITE = 2, 3, 4  # statuses of a server that cannot serve
FINAL = frozenset({NOTHING_TO_SERVE, CANNOT_LISTEN, CANNOT_WRITE})
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
WELL_SECONDS = 60.0  # a process that has lived so long may be replaced at once again
IDLE_SECONDS = 2.5  # for which it holds what a process says of being idle
LOOK_SECONDS = 1.0

Work = Callable[[Siblings], int]


@dataclass
class _Process:
    pid: int
    started_at: float
    joined: bool = False


class FirstProcess:
    """Starts as many server processes as settings say, each of which does `work`; `run` it.

    `sockets` are those that listen; this process closes them when it stops. `folder` is one for all.
    """

    def __init__(
        self, settings: Settings, work: Work, sockets: Sequence[socket.socket], folder: Path | None = None
    ):
        self._settings = settings
        self._of = settings.server_processes
        self._work = work
        self._sockets = sockets
        self._folder = folder
        self._hub = Hub(self._of)
        self._processes: dict[int, _Process] = {}
        self._failures: dict[int, int] = {}
        self._due: dict[int, float] = {0: 0.0}  # when a process is to be started, by its number
        self._steady = time.time() - monotonic()
        self._lock: int | OSError | None = None
        self._calls = SharedCounts(self._of)
        self._connections = memoryview(mmap.mmap(-1, 4 * self._of)).cast("I")
        for number in range(self._of):
            self._connections[number] = NOBODY
        self._idle_seconds = seconds_of(settings.idle_exit)
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._heard: list[int] = []
        self._stops = 0
        self._status: int | None = None

    def run(self) -> int:
        """Serve until told to stop, and return the exit status. In a server process it does not return."""
        self._lock = _locked(self._settings)
        before = self._listen()
        try:
            self._selector.register(self._woken, selectors.EVENT_READ, None)
            while self._processes or not self._is_ending:
                self._start_due()
                self._wait()
                self._heed()
                self._reap()
                self._hub.expire()
                self._look_whether_idle()
        finally:
            self._listen_no_more(before)
        return self._status or 0

    @property
    def _is_ending(self) -> bool:
        return bool(self._stops) or self._status is not None

    # -- signals -----------------------------------------------------------------------------------

    def _listen(self) -> dict[int, object]:
        heard = [*STOP_SIGNALS, signal.SIGCHLD]
        if self._settings.log_file or self._settings.access_log_file:
            heard.append(signal.SIGHUP)
        before: dict[int, object] = {one: signal.signal(one, self._hear) for one in heard}
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        return before

    def _listen_no_more(self, before: dict[int, object]) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
        self._selector.close()
        os.close(self._woken)
        os.close(self._wakes)
        if isinstance(self._lock, int):
            os.close(self._lock)

    def _hear(self, number: int, _: object) -> None:
        self._heard.append(number)

    def _heed(self) -> None:
        heard, self._heard = self._heard, []
        for number in heard:
            if number in STOP_SIGNALS:
                self._stops += 1
                self._say_stop()
                self._stop(signal.SIGTERM)
            elif number == signal.SIGHUP:
                self._signal(signal.SIGHUP)

    def _say_stop(self) -> None:
        if self._stops > 1:
            log.warning("stopping at once")
        else:
            log.info(STOPPING, self._settings.drain_timeout)

    def _stop(self, number: int) -> None:
        """Have all end: nobody is started any more, and nobody new is accepted here."""
        self._due.clear()
        for sock in self._sockets:
            sock.close()
        self._signal(number)

    def _signal(self, number: int) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)

    # -- waiting -----------------------------------------------------------------------------------

    def _wait(self) -> None:
        for number in self._processes:
            key = self._hub.members[number].sock
            events = selectors.EVENT_READ
            if self._hub.waits_to_send(number):
                events |= selectors.EVENT_WRITE
            with contextlib.suppress(KeyError):  # one whose end was read already
                self._selector.modify(key, events, number)
        for key, events in self._selector.select(self._patience()):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            elif events & selectors.EVENT_WRITE:
                self._hub.send(key.data)
            if key.data is not None and events & selectors.EVENT_READ and not self._hub.read(key.data):
                self._selector.unregister(key.fileobj)  # its end follows
        if self._hub.begun and not self._is_ending and 0 in self._processes:
            self._due_others()

    def _due_others(self) -> None:
        """Once the first one has begun, which makes what is made once, the others are started."""
        for number in range(1, self._of):
            if number not in self._processes and number not in self._due:
                self._due[number] = 0.0

    def _patience(self) -> float | None:
        ends = [*self._due.values()]
        if (deadline := self._hub.next_deadline()) is not None:
            ends.append(deadline)
        if self._idle_seconds and not self._is_ending:
            ends.append(monotonic() + LOOK_SECONDS)
        return max(min(ends) - monotonic(), 0.0) if ends else None

    def _look_whether_idle(self) -> None:
        if self._idle_seconds and not self._is_ending and self._hub.all_idle(IDLE_SECONDS):
            log.info("nobody has asked for %g s: all server processes end (idle_exit)", self._idle_seconds)
            self._status = 0
            self._stop(signal.SIGTERM)

    # -- processes ---------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = monotonic()
        for number in [one for one, at in self._due.items() if at <= now]:
            del self._due[number]
            self._start(number)

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP_SIGNALS, signal.SIGHUP, signal.SIGCHLD))
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become(number, theirs, held)
        theirs.close()
        self._hub.add(number, ours)
        self._processes[number] = _Process(pid, monotonic())
        self._selector.register(ours, selectors.EVENT_READ, number)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def _become(self, number: int, sock: socket.socket, held: Iterable[int]) -> NoReturn:
        """Be a server process, to its end."""
        status = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C is told by the first one, once
            signal.set_wakeup_fd(-1)
            for one in (*STOP_SIGNALS, signal.SIGCHLD, signal.SIGHUP):
                signal.signal(one, signal.SIG_DFL)
            self._selector.close()
            for opened in (self._woken, self._wakes):
                os.close(opened)
            for member in self._hub.members.values():
                member.sock.close()
            is_late = self._hub.begun and (number == 0 or self._failures.get(number, 0) > 0)
            shared = self._lock, self._calls, self._connections, self._folder
            place = Place(number, self._of, is_late, self._steady, *shared)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            status = self._work(Siblings(sock, place))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException as error:  # the border of a process: what it says here is all that is known
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        for number, process in list(self._processes.items()):
            try:
                pid, ended = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pid, ended = process.pid, 0
            if pid:
                self._ended(number, process, os.waitstatus_to_exitcode(ended))

    def _ended(self, number: int, process: _Process, status: int) -> None:
        self._hub.read(number)  # what it has said last
        joined = self._hub.has_joined(number)
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._hub.members[number].sock)
        self._hub.remove(number)
        self._connections[number] = NOBODY
        self._calls.forget(number)
        del self._processes[number]
        if self._is_ending:
            self._status = self._status or max(status, 0)
            return
        if not self._hub.begun or (status in FINAL and not self._failures.get(number)):
            self._status = status if status >= 0 else 128 - status
            self._stop(signal.SIGTERM)
            return
        self._replace(number, process, status, joined=joined)

    def _replace(self, number: int, process: _Process, status: int, *, joined: bool) -> None:
        lived = monotonic() - process.started_at
        failures = 0 if joined and lived >= WELL_SECONDS else self._failures.get(number, 0)
        pause = min(FIRST_PAUSE * 2.0 ** (failures - 1), LONGEST_PAUSE) if failures else 0.0
        self._failures[number] = failures + 1
        self._due[number] = monotonic() + pause
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        log.error(
            "server process %d (pid %d) has ended (%s); another one is started in its place%s",
            number + 1,
            process.pid,
            how,
            f" in {pause:g} s" if pause else "",
        )


def _locked(settings: Settings) -> int | OSError | None:
    """The lock on the data folder, which all server processes hold together, if they need it."""
    if settings.database_url:
        return None
    folder = data_folder(settings.data_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_folder(folder)
    except OSError as error:
        return error
    note_process(lock)
    return lock
