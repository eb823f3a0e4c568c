"""A real modelport server in a process of its own, for tests that are its clients."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from prepared import Forked, Prepared

ROOT = Path(__file__).parent.parent
MODELS = Path(__file__).parent / "models"
Process = subprocess.Popen[str] | Forked
SERVING = re.compile(r"serving .* on ((?:https?|unix)://[^\s\"]+)")
START_SECONDS = 60.0
_data = tempfile.TemporaryDirectory(prefix="modelport-test-data-")  # removed when the tests have ended
_numbers = itertools.count()


class Server:
    """A running `modelport serve`. `log` collects what it writes to stderr."""

    def __init__(self, process: Process, verify: ssl.SSLContext | None = None):
        self.process = process
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.wait_for_log(SERVING).group(1)
        self.client = httpx.Client(**_reached(self.url, verify), timeout=60.0)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")
            self._changed.notify_all()

    @property
    def log(self) -> str:
        with self._changed:
            return "".join(self.lines)

    def wait_for_log(
        self, pattern: str | re.Pattern[str], seconds: float = START_SECONDS, start: int = 0
    ) -> Any:
        """Wait until a log line at or after number `start` matches; returns the match."""
        deadline = time.monotonic() + seconds
        with self._changed:
            seen = start
            while True:
                for line in self.lines[seen:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and self.lines and self.lines[-1] == ""):
                    raise AssertionError(f"no {pattern!r} in the log:\n{''.join(self.lines)}")
                self._changed.wait(min(left, 0.5))

    def wait_settled(self, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Wait until each model is ready, idle or failed; returns the body of /v2/health/ready."""
        deadline = time.monotonic() + seconds
        while True:
            seen = len(self.lines)
            body = self.client.get("/v2/health/ready").json()
            states = [*body.get("others", {}), *(m["state"] for m in body["models"].values())]
            others_wait = "another process of the server is not ready" in body.get("reasons", ())
            if not others_wait and all(state in ("ready", "failed", "idle") for state in states):
                return body
            if time.monotonic() > deadline:
                raise AssertionError(f"not settled: {body}\n{self.log}")
            self.wait_for_log(r"ready after|failed:", seconds, seen)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Signal the server and wait for its end; returns its exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(5)
            for stream in (self.process.stderr, self.process.stdout):
                if stream is not None:
                    stream.close()


def _reached(url: str, verify: ssl.SSLContext | None) -> dict[str, Any]:
    if url.startswith("unix://"):
        path, _, base = url.removeprefix("unix://").partition(":/")
        transport = httpx.HTTPTransport(uds=path, verify=False)
        return {"base_url": f"http://localhost/{base}".rstrip("/"), "transport": transport}
    return {"base_url": url, "verify": verify or authorities(url)}


def authorities(url: str) -> bool:
    """Whether its clients need the authorities of the web, which take each 26 ms of processor to read."""
    return url.startswith("https:")


def wait_until(condition: Callable[[], bool], said: Callable[[], str], seconds: float = 60.0) -> None:
    """Look again and again until `condition` holds, for what no event tells; fails with what `said` says."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.01)


def environment(**extra: str) -> dict[str, str]:
    """This environment with the tests' models importable, no settings of the user's, and no jobs yet."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODELPORT_", "DEEPAAS_"))}
    own = {
        "PYTHONPATH": os.pathsep.join([str(MODELS), str(ROOT / "src")]),
        "MODELPORT_DATA_DIR": str(Path(_data.name) / str(next(_numbers))),
        "XDG_CONFIG_HOME": str(Path(_data.name) / "config"),  # where nobody has logged in
        "MODELPORT_MAX_WRONG_CREDENTIALS": "0",  # all tests ask from one address, some with wrong keys alone
    }
    return kept | own | extra


@cache
def prepared() -> Prepared:
    """What servers are forked from that these tests start, one for each process of the tests."""
    made = Prepared(environment())
    atexit.register(made.end)
    return made


def start(
    *arguments: str, cwd: Path | None = None, python: str = sys.executable, **variables: str
) -> Process:
    """A process of `modelport serve …` on a free port, as it begins."""
    command = ["serve", "--port", "0", *arguments]
    own = environment(**variables)
    if python == sys.executable and cwd is None and prepared().can_start(own):
        return prepared().start(command, own)
    return subprocess.Popen(
        [python, "-m", "modelport", *command],
        cwd=cwd,
        env=own,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@contextlib.contextmanager
def serving(
    *arguments: str,
    wait: bool = True,
    cwd: Path | None = None,
    python: str = sys.executable,
    verify: ssl.SSLContext | None = None,
    **variables: str,
) -> Iterator[Server]:
    """Run `modelport serve …` on a free port; by default wait until its models are ready or failed.

    `verify` is what its own client speaks TLS with, where it has a certificate.
    """
    process = start(*arguments, cwd=cwd, python=python, **variables)
    try:
        server = Server(process, verify)
    except BaseException:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
        raise
    try:
        if wait:
            server.wait_settled()
        yield server
    finally:
        server.stop()
