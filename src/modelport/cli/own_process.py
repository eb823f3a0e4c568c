"""Commands that load a model go on in a process of their own: what that does, the user's process survives."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from time import monotonic

import click

from modelport.engine.processes import ending, kill_group, kill_marked
from modelport.variables import PREFIX, WORKER_MARK

LOADED = b"l"
ENDED = b"e"
GRACE = 2.0  # seconds for the model's code to end in order after a signal
STOPPING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class CommandLine:
    """Whose command this is: in the user's process `told` is -1."""

    arguments: list[str]
    told: int = -1

    def loaded(self) -> None:
        """The model is loaded and warm."""
        self.say(LOADED)

    def leave_settings(self) -> None:
        """Leave no settings of the command for the model's code to find, as in a worker."""
        if self.told >= 0:
            for name in [name for name in os.environ if name.startswith(PREFIX) and name != WORKER_MARK]:
                del os.environ[name]

    def say(self, what: bytes) -> None:
        """Tell the user's process how far this is."""
        if self.told >= 0:
            with contextlib.suppress(OSError):  # it has gone, and this process goes with it
                os.write(self.told, what)


def in_own_process(ctx: click.Context, source: str, load_timeout: float) -> CommandLine:
    """Run this command in a process of its own and exit as it does; only there it returns.

    There `loaded` of what it returns is to be called once the model is loaded and warm: that must not take
    longer than `load_timeout` seconds (0: any time), or the command fails. A program that calls the command
    itself stays in its own process.
    """
    line = ctx.find_object(CommandLine)
    if line is None:
        return CommandLine([])
    if line.told < 0:
        sys.exit(_Supervised(source, load_timeout).run(line.arguments))
    return line


class _Supervised:
    """The process of the command, as the user's process sees it."""

    def __init__(self, source: str, load_timeout: float):
        self.source = source
        self.load_timeout = load_timeout
        self._received: list[int] = []
        self._said = b""

    def run(self, arguments: list[str]) -> int:
        """Run the command to its end; returns the exit status."""
        from modelport.engine.after_death import DeathWatch
        from modelport.engine.spool import Spool
        from modelport.engine.starting import command, environment

        try:
            spool = Spool()
            spool.open()
        except OSError as error:
            raise click.ClickException(
                f"a temporary folder cannot be made: {error.strerror or error}"
            ) from None
        mark = uuid.uuid4().hex
        temp = spool.root / f"tmp-{mark}"
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        own = {**settings, WORKER_MARK: mark, "TMPDIR": str(temp)}
        try:
            temp.mkdir(mode=0o700)
            with self._signals() as woken:
                process = subprocess.Popen(
                    command("modelport.cli.inner_main", str(theirs), str(os.getpid()), *arguments),
                    pass_fds=(theirs,),
                    start_new_session=True,
                    env=environment(os.environ, own),
                )
                os.close(theirs)
                watch = DeathWatch(spool.root)
                try:
                    return self._wait(process, ours, woken)
                finally:
                    kill_group(process.pid)
                    process.wait()
                    kill_marked(mark)
                    watch.end()
        finally:
            os.close(ours)
            spool.close()

    @contextlib.contextmanager
    def _signals(self) -> Generator[int]:
        """Note the signals that end a command; what is yielded can be read once there is one."""
        woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = {number: signal.signal(number, self._receive) for number in STOPPING}
        old = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(old)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(woken)
            os.close(wakes)

    def _receive(self, number: int, frame: object) -> None:
        self._received.append(number)

    def _wait(self, process: subprocess.Popen[bytes], told: int, woken: int) -> int:
        """Wait for the end; the exit status. Raises `click.ClickException` for one that is not in order."""
        loading = monotonic() + self.load_timeout if self.load_timeout else None
        killing: float | None = None
        passed_on = 0
        poll = select.poll()
        ended = os.pidfd_open(process.pid)
        for number in (ended, told, woken):
            poll.register(number, select.POLLIN)
        try:
            while True:
                deadline = killing if killing is not None else loading
                left = None if deadline is None else max(0.0, deadline - monotonic()) * 1000
                found = [number for number, _ in poll.poll(left)]
                if told in found:
                    self._hear(told, poll)
                if LOADED in self._said:
                    loading = None
                if ended in found:
                    return self._status(process)
                if woken in found:
                    os.read(woken, 64)
                    for number in self._received[passed_on:]:
                        process.send_signal(number if passed_on == 0 else signal.SIGKILL)
                        killing = killing or monotonic() + GRACE
                        passed_on += 1
                elif not found and killing is not None:
                    return 128 + self._received[0]
                elif not found:
                    raise click.ClickException(
                        f"{self.source}: it did not load within {self.load_timeout:g} s"
                    )
        finally:
            os.close(ended)

    def _hear(self, told: int, poll: select.poll) -> None:
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(told, 64)
            if not said:  # nobody has the other end any more
                poll.unregister(told)
        self._said += said

    def _status(self, process: subprocess.Popen[bytes]) -> int:
        status = process.wait()
        if self._received:
            return 128 + self._received[0]
        if ENDED in self._said:
            return status
        what = "its process died" if LOADED in self._said else "its process died of loading it"
        raise click.ClickException(f"{self.source}: {what}: {ending(status)}")
