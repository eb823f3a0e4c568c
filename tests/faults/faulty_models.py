"""Models that do harm: each fault by its name."""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import pickle
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

import modelport

FRAME = struct.Struct(">IB")
ANSWERS = 13
CALLS = 2
MAX_FRAME = 64 << 20
LARGE = 2 << 20  # too large for a frame: it goes as a file
DAEMON = "import os, sys, time\nif os.fork(): sys.exit()\nos.setsid()\nprint(os.getpid(), flush=True)\n"


@contextmanager
def at_gate(port: int, text: str) -> Iterator[socket.socket]:
    """Say `text` to the test that listens there. It sees the end of the block, or of this process."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(text.encode() + b"\n")
        yield sock


class Faulty(modelport.Model):
    """Does what `do` names."""

    def predict(self, do: str = "echo", text: str = "", port: int = 0) -> Any:
        return getattr(self, do)(text, port)

    # -- good calls --------------------------------------------------------------------------------

    def echo(self, text: str, port: int) -> Any:
        return {"text": text, "pid": os.getpid()}

    def wait(self, text: str, port: int) -> Any:
        with at_gate(port, text) as gate:
            gate.recv(1)
        return self.echo(text, port)

    # -- ends of the process -----------------------------------------------------------------------

    def leave(self, text: str, port: int) -> Any:
        os._exit(int(text))

    def leave_in_thread(self, text: str, port: int) -> Any:
        threading.Thread(target=os._exit, args=(int(text),)).start()
        threading.Event().wait()

    def segfault(self, text: str, port: int) -> Any:
        ctypes.string_at(0)

    def shot(self, text: str, port: int) -> Any:
        os.kill(os.getpid(), signal.Signals[text])
        threading.Event().wait()

    def system_exit(self, text: str, port: int) -> Any:
        sys.exit(text)

    def leave_with_files(self, text: str, port: int) -> Any:
        handle, name = tempfile.mkstemp()
        os.write(handle, text.encode())
        print("a temporary file:", name, flush=True)
        os._exit(1)

    # -- hangs -------------------------------------------------------------------------------------

    def deaf(self, text: str, port: int) -> Any:
        """Waits at the gate and swallows whatever is raised meanwhile."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # until it swallows, which is soon
        with at_gate(port, text) as gate:
            while True:
                try:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
                    gate.recv(1)
                    return self.echo(text, port)
                except BaseException:
                    continue

    def late(self, text: str, port: int) -> Any:
        """Answers with a large body once it is stopped; with the text `leave`, ends in the middle of it."""
        try:
            self.wait(text, port)
        except BaseException:
            pass
        return HalfAnswer() if text == "leave" else b"x" * LARGE

    def ignores_signals(self, text: str, port: int) -> Any:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return self.wait(text, port)

    def loops_in_c(self, text: str, port: int) -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # in C it would hear nothing
        with at_gate(port, text):
            collections.deque(itertools.repeat(0), maxlen=0)

    # -- memory, output, descriptors ---------------------------------------------------------------

    def memory(self, text: str, port: int) -> Any:
        """Grows until the limit of its address space stops it."""
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), before[1]))
        held: list[bytearray] = []
        try:
            while True:
                held.append(bytearray(8 << 20))
        finally:
            held.clear()
            resource.setrlimit(resource.RLIMIT_AS, before)

    def prints(self, text: str, port: int) -> Any:
        """100 MB of bytes that are no text: some in one line, some in many."""
        block = b"\xff\x1b[2J\0" * 10_000
        for _ in range(1000):
            os.write(1, block)
        for _ in range(1000):
            os.write(2, b"2026-01-01 00:00:00,000 ERROR   modelport.server: forged\n" * 800)
        return self.echo(text, port)

    def closes_descriptors(self, text: str, port: int) -> Any:
        os.closerange(0, 1024)
        return "closed"

    def hangs_up(self, text: str, port: int) -> Any:
        """Lets go of the server, and lives on until it is killed."""
        os.close(frames_descriptor())
        threading.Event().wait()

    # -- children ----------------------------------------------------------------------------------

    def children(self, text: str, port: int) -> Any:
        """Leaves three processes behind: a child, one in a session of its own, and a daemon."""
        sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
        quiet: Any = {"stdin": -3, "stdout": -3, "stderr": -3}
        plain = subprocess.Popen(sleep, **quiet)
        session = subprocess.Popen(sleep, start_new_session=True, **quiet)
        daemon = subprocess.Popen(
            [sys.executable, "-c", DAEMON + "os.close(1); os.close(2); time.sleep(1000)"],
            stdout=subprocess.PIPE,
        )
        assert daemon.stdout is not None
        return [plain.pid, session.pid, int(daemon.stdout.readline())]

    # -- broken frames -----------------------------------------------------------------------------

    def garbage(self, text: str, port: int) -> Any:
        """Writes into the socket of the frames."""
        nobody = b"\x91\x92\xce\xff\xff\xff\xff\xcc\xc8"  # [[4294967295, 200]]: answers a call nobody made
        data = {
            "noise": bytes(range(255, -1, -1)),
            "too large": FRAME.pack(MAX_FRAME + 1, ANSWERS),
            "largest": FRAME.pack(0xFFFFFFFF, ANSWERS),
            "unknown kind": FRAME.pack(0, 99),
            "wrong direction": FRAME.pack(1, CALLS) + b"\x90",
            "no msgpack": FRAME.pack(4, ANSWERS) + b"\xc1\xc1\xc1\xc1",
            "wrong type": FRAME.pack(1, ANSWERS) + b"\xc0",
            "pickle": FRAME.pack(len(pickle.dumps([1])), ANSWERS) + pickle.dumps([1]),
            "foreign answer": FRAME.pack(len(nobody), ANSWERS) + nobody,
        }
        os.write(frames_descriptor(), data[text])
        return "written"

    def cut_frame(self, text: str, port: int) -> Any:
        os.write(frames_descriptor(), FRAME.pack(1000, ANSWERS) + b"half")
        os._exit(0)


def frames_descriptor() -> int:
    """The stream socket that this process was started with."""
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):  # noqa: PTH208
        try:
            if number < 3 or not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        except OSError:
            continue
        with socket.socket(fileno=os.dup(number)) as sock:
            if sock.family == socket.AF_UNIX and sock.type == socket.SOCK_STREAM:
                return number
    raise LookupError("no frames")


class Streaming(modelport.Model):
    """A stream without end that waits at the gate after its first pieces."""

    def predict(self, port: int = 0, do: str = "wait") -> Iterator[str]:
        yield "first"
        if do == "endless":
            with at_gate(port, "streams"):
                while True:
                    yield "x" * 1000
        if do == "leave":
            os._exit(1)
        with at_gate(port, "streams") as gate:
            gate.recv(1)
        yield "last"


class Together(modelport.Model):
    """Takes calls together. A call with `poison` harms the whole batch."""

    max_batch_size = 8
    max_wait_ms = 200.0

    def predict(self, text: str = "", poison: str = "", do: str = "", port: int = 0) -> Any: ...

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        poisons = {call.get("poison", "") for call in calls}
        if "leave" in poisons:
            os._exit(1)
        if "raise" in poisons:
            raise ValueError("poisoned")
        return [{"text": call.get("text"), "size": len(calls)} for call in calls]


class Uploads(modelport.Model):
    """Looks at a file, or ends its process while the file lies there."""

    def predict(self, file: modelport.File, do: str = "size", port: int = 0) -> Any:
        if do == "leave":
            os._exit(1)
        if do == "wait":
            with at_gate(port, "has the file") as gate:
                gate.recv(1)
        if do == "leave an answer":
            (file.path.parent / "more").write_bytes(b"x" * 10)
            os._exit(1)
        return file.path.stat().st_size


def deadly(value: str) -> str:
    """An argument's check that may end the process, before predict() runs."""
    if value == "leave":
        os._exit(1)
    return value


class DeadlyArguments(Faulty):
    """Dies while it reads its arguments."""

    def predict(
        self, do: str = "echo", text: Annotated[str, AfterValidator(deadly)] = "", port: int = 0
    ) -> Any:
        return getattr(self, do)(text, port)


class DeadlyAnswer:
    """Something whose text cannot be had."""

    def __str__(self) -> str:
        os._exit(1)


class DeadlyAnswers(Faulty):
    """Dies while its answer is encoded."""

    def deadly(self, text: str, port: int) -> Any:
        return DeadlyAnswer()


class HalfAnswer:
    """A file that ends the process of its reader after its first bytes."""

    def __init__(self) -> None:
        self.pieces = [b"x" * LARGE]

    def read(self, size: int) -> bytes:
        return self.pieces.pop() if self.pieces else os._exit(1)


class LoadRaises(modelport.Model):
    def __init__(self) -> None:
        raise RuntimeError("no weights here")


class LoadLeaves(modelport.Model):
    def __init__(self) -> None:
        os._exit(9)


class LoadHangs(modelport.Model):
    def __init__(self) -> None:
        threading.Event().wait()


class WarmRaises(modelport.Model):
    def warm(self) -> None:
        raise RuntimeError("a cold day")

    def predict(self) -> str:
        return ""


class WarmExits(modelport.Model):
    def warm(self) -> None:
        sys.exit("no licence")

    def predict(self) -> str:
        return ""


class WarmYields(modelport.Model):
    async def warm(self) -> AsyncIterator[str]:
        yield "nothing of this runs"

    def predict(self) -> str:
        return ""


class DiesOnceReady(modelport.Model):
    """Every worker ends a moment after it was ready."""

    def warm(self) -> None:
        threading.Timer(0.5, os._exit, (5,)).start()

    def predict(self) -> str:
        return "lucky"
