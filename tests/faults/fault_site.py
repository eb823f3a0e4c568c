"""A server to be harmed, and the oracle: it serves again, and nothing is left of the harm."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
from gates import Gate, Held
from serving import Server, serving, wait_until

MODELS = Path(__file__).parent / "faulty_models.py"
MARK = "FAULT_TEST"  # every process that a server's models start inherits this variable
SECONDS = 30.0


class Site:
    """A running server with `faulty_models`, and calls to it."""

    def __init__(self, server: Server, spool: Path, mark: str, gate: Gate[Held]):
        self.server = server
        self.spool = spool
        self.mark = mark
        self.gate = gate
        self.process = psutil.Process(server.process.pid)
        self.client = httpx.Client(
            base_url=server.url, timeout=SECONDS, limits=httpx.Limits(max_connections=200)
        )
        self._threads = ThreadPoolExecutor(64)
        self.descriptors = self.process.num_fds()
        self.workers = len(self.children())
        self.models = list(self.health()["models"])

    # -- calls -------------------------------------------------------------------------------------

    def predict(self, do: str = "echo", model: str = "m", **arguments: Any) -> httpx.Response:
        body = {"do": do, "port": self.gate.port, **arguments}
        return self.client.post(f"/v2/models/{model}/predict/", json=body, timeout=100.0)

    def start(self, do: str = "echo", model: str = "m", **arguments: Any) -> Future[httpx.Response]:
        """The same in a thread."""
        return self._threads.submit(self.predict, do, model, **arguments)

    def submit(self, path: str, body: dict[str, Any]) -> Future[httpx.Response]:
        """Any POST in a thread."""
        return self._threads.submit(self.client.post, path, json=body)

    def connection(self, do: str, model: str = "m", **arguments: Any) -> socket.socket:
        """A call whose client is a bare socket, to be closed at any time."""
        body = httpx.Request("POST", "http://a", json={"do": do, "port": self.gate.port, **arguments}).read()
        address = httpx.URL(self.server.url)
        sock = socket.create_connection((address.host, address.port or 0), timeout=SECONDS)
        head = f"POST /v2/models/{model}/predict/ HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        return sock

    def pid(self, model: str = "m") -> int:
        """The process that answers for a model."""
        answer = self.predict(model=model)
        return prediction(answer)["pid"]

    def quicken(self, model: str = "m") -> None:
        """Many short calls, so that the model's worker is given several at once from now on."""
        for number in range(60):
            assert self.predict(model=model, text=str(number)).status_code == 200

    # -- state -------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        return self.client.get("/v2/health/ready").json()

    def children(self) -> set[int]:
        return {child.pid for child in self.process.children(recursive=True)}

    def wait_ready(self, restarts: int, model: str = "m", at_most: int = 0) -> None:
        """Wait until the model has all its workers again, after so many replacements."""

        def is_back() -> bool:
            state = self.health()["models"][model]
            return (
                restarts <= state["restarts"] <= max(restarts, at_most)
                and state["state"] == "ready"
                and state["workers_ready"] == self.workers // len(self.models)
            )

        wait_until(is_back, lambda: f"{self.health()}\n{self.server.log}", SECONDS)

    def files(self) -> list[str]:
        """What lies in the spool folder, beside the empty temporary folders of the workers that live."""
        found = list(self.spool.glob("modelport-*/*"))
        folders = [p for p in found if p.name.startswith("tmp-")]
        rest = [p for p in found if p not in folders or any(p.iterdir())]
        surplus = folders if len(folders) > self.workers else []
        return [str(p.relative_to(self.spool)) for p in [*rest, *surplus]]

    # -- the oracle --------------------------------------------------------------------------------

    def assert_whole(self) -> None:
        """The server answers for its models again and holds no more than at the start."""
        self.client.close()
        self.server.client.close()
        self.client = self.server.client = httpx.Client(base_url=self.server.url, timeout=SECONDS)

        def whole() -> bool:
            children = self.process.children(recursive=True)
            return (
                self.health()["ready"]
                and len(children) == self.workers
                and all(child.status() != psutil.STATUS_ZOMBIE for child in children)
                and marked(self.mark) == {self.process.pid, *(child.pid for child in children)}
                and not self.files()
                and self.process.num_fds() <= self.descriptors + 2
            )

        def said() -> str:
            processes = [p.as_dict(["pid", "status", "cmdline"]) for p in self.process.children(True)]
            descriptors = f"{self.process.num_fds()} descriptors, {self.descriptors} at the start"
            return (
                f"{self.health()}\n{processes}\nmarked: {marked(self.mark)}\n"
                f"files: {self.files()}\n{descriptors}\n{self.server.log[-5000:]}"
            )

        wait_until(whole, said, SECONDS)
        answer = self.predict(model=self.models[0])
        assert answer.status_code == 200, answer.text

    def assert_stopped(self, status: int = 0) -> None:
        """The server has ended, and with it every process, file and socket of it."""
        assert self.server.stop() == status, self.server.log[-5000:]
        assert_nothing_left(self.mark, self.spool)
        address = httpx.URL(self.server.url)
        with socket.socket() as sock:
            assert sock.connect_ex((address.host, address.port)) != 0, "the port is still open"

    def close(self) -> None:
        self.client.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


def prediction(answer: httpx.Response) -> Any:
    """What the model returned."""
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def marked(mark: str) -> set[int]:
    """Every process that has inherited this mark, wherever it went since."""
    wanted = f"{MARK}={mark}".encode()
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found


def assert_nothing_left(mark: str, spool: Path, seconds: float = SECONDS) -> None:
    """No process with this mark lives and the spool folder is empty."""
    wait_until(lambda: not marked(mark), lambda: f"left processes: {marked(mark)}", seconds)
    assert list(spool.iterdir()) == []


@contextlib.contextmanager
def harmed(spool: Path, *arguments: str, models: str = "m=Faulty") -> Iterator[Site]:
    """A server of `NAME=Class` models, which must stop cleanly and leave nothing at the end.

    A test that stops the server itself has to say how with `assert_stopped`.
    """
    mark = uuid.uuid4().hex
    gate = Gate(Held, SECONDS)
    sources = [f"{name}={MODELS}:{kind}" for name, kind in (m.split("=") for m in models.split())]
    try:
        with serving("--spool-dir", str(spool), *arguments, *sources, **{MARK: mark}) as server:
            site = Site(server, spool, mark, gate)
            try:
                yield site
                if server.process.poll() is None:
                    site.assert_stopped()
            finally:
                gate.close()
                if server.process.poll() is None:
                    server.stop(signal.SIGKILL)
                site.close()
    finally:
        for pid in marked(mark):  # only where a test has failed
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
